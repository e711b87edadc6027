/* NEON: bits counted by cnt, bytes looked up by tbl. */
#include "peak/numbers_impl.h"

#include <arm_neon.h>

enum {
#if defined(__aarch64__)
    OUTPUTS = 4,
#else
    OUTPUTS = 2,
#endif
    VECTORS = 4
};

typedef uint8_t vbytes __attribute__((vector_size(16)));

/* Without the widening of the counts that is due now and then. */
static uint64_t count_pass(const void *data, size_t bytes)
{
    const char *at = data;
    const char *const end = at + bytes;
    vbytes sums[OUTPUTS][VECTORS] = {0};
    for (; at < end; at += VECTORS * sizeof(vbytes)) {
        uint8x16_t w[VECTORS];
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            w[v] = vld1q_u8((const uint8_t *)at + (size_t)v * sizeof(vbytes));
        BNN_UNROLL for (int p = 0; p < OUTPUTS; p++) {
            const uint64_t *word = (const uint64_t *)(const void *)at + p;
            const uint8x16_t activations = vreinterpretq_u8_u64(vld1q_dup_u64(word));
            BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
                sums[p][v] += (vbytes)vcntq_u8(veorq_u8(activations, w[v]));
                BNN_STAY(sums[p][v]);
            }
        }
    }
    uint64_t result = 0;
    BNN_UNROLL for (int i = 0; i < OUTPUTS * VECTORS; i++)
        result += sums[i / VECTORS][i % VECTORS][0];
    return result;
}

#if defined(__aarch64__)
BNN_INLINE vbytes pick(vbytes table, vbytes places)
{
    return (vbytes)vqtbl1q_u8((uint8x16_t)table, (uint8x16_t)places);
}

#include "peak/bytes_impl.h"
#else
#define PEAK_BYTES {{NULL}, 0, 0}
#endif

const bnn_peak_loops bnn_peak_neon = {.count = {{count_pass}, 8 * OUTPUTS, 0x5a17c3e9},
                                      .bytes = PEAK_BYTES,
                                      .floats = PEAK_FLOATS,
                                      .read = PEAK_READ};
