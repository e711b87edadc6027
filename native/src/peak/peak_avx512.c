/* AVX-512 with VPOPCNTDQ: every word is counted by one instruction. */
#include "peak/numbers_impl.h"
#include "peak/pick_avx512.h"

#include "peak/bytes_impl.h"

enum { OUTPUTS = 4, VECTORS = 4, VECTOR_BYTES = 64 };

static uint64_t count_pass(const void *data, size_t bytes)
{
    const char *at = data;
    const char *const end = at + bytes;
    __m512i sums[OUTPUTS][VECTORS];
    BNN_UNROLL for (int i = 0; i < OUTPUTS * VECTORS; i++)
        sums[i / VECTORS][i % VECTORS] = _mm512_setzero_si512();
    for (; at < end; at += VECTOR_BYTES * VECTORS) {
        __m512i w[VECTORS];
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            w[v] = _mm512_load_si512(at + VECTOR_BYTES * v);
        BNN_UNROLL for (int p = 0; p < OUTPUTS; p++) {
            int64_t word;
            memcpy(&word, at + 8 * p, sizeof word);
            BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
                const __m512i differ = _mm512_xor_si512(_mm512_set1_epi64(word), w[v]);
                sums[p][v] = _mm512_add_epi64(sums[p][v], _mm512_popcnt_epi64(differ));
                BNN_STAY(sums[p][v]);
            }
        }
    }
    __m512i total = _mm512_setzero_si512();
    BNN_UNROLL for (int i = 0; i < OUTPUTS * VECTORS; i++)
        total = _mm512_add_epi64(total, sums[i / VECTORS][i % VECTORS]);
    return (uint64_t)_mm512_reduce_add_epi64(total);
}

const bnn_peak_loops bnn_peak_avx512 = {.count = {{count_pass}, 8 * OUTPUTS, 0x5a17c3e9},
                                        .bytes = PEAK_BYTES,
                                        .floats = PEAK_FLOATS,
                                        .read = PEAK_READ};
