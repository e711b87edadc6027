#define VECTOR_BYTES 16
#if defined(__aarch64__)
#define TILE_OUTPUTS 2
#else
#define TILE_OUTPUTS 1
#endif

#include "threshold/less_neon.h"
#include "input/vectors.h"

#include <string.h>

/* Bit i: number i of the block is below limit i. */
BNN_INLINE uint32_t block_less_i32(const vector_u32 *sums, const int32_t *limits)
{
    uint32x4_t less[VECTORS];
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
        less[v] = vcltq_s32((int32x4_t)sums[v], vld1q_s32(limits + LANES * v));
    return block_bits(less);
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    float numbers[BNN_INPUT_BLOCK];
    memcpy(numbers, sums, sizeof numbers);
    return less_f32(numbers, limits, BNN_INPUT_BLOCK);
}

typedef uint16x8_t vector_narrow;

enum { EXCESS = 255, QUADS_A_SUM_HOLDS = 128 }; /* 128 * 2 * 255 < 2^16 */

/* -x is ~x + 1, and ~x as a byte is 255 - x: where a weight is -1 a byte is inverted, and 255
 * comes out too much. Weights that pad a run are 0 in all channels: bytes there count as 0. */
BNN_INLINE void add_quad(const char *run, size_t step, const int8_t *weights, const size_t outputs,
                         vector_narrow narrow[TILE_OUTPUTS][VECTORS])
{
    uint32_t taps, quad;
    memcpy(&taps, weights, sizeof taps);
    const uint8x16_t real =
        vtstq_u8(vreinterpretq_u8_u32(vdupq_n_u32(taps)), vdupq_n_u8(UINT8_MAX));
    uint8x16_t x[TILE_OUTPUTS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
        memcpy(&quad, run + p * step, sizeof quad);
        x[p] = vandq_u8(real, vreinterpretq_u8_u32(vdupq_n_u32(quad)));
    }
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
        const uint8x16_t negative =
            vreinterpretq_u8_s8(vshrq_n_s8(vld1q_s8(weights + VECTOR_BYTES * v), 7));
        BNN_UNROLL for (size_t p = 0; p < outputs; p++)
            narrow[p][v] = vpadalq_u8(narrow[p][v], veorq_u8(x[p], negative));
    }
}

BNN_INLINE vector_u32 add_pairs(vector_u32 sums, vector_narrow pairs)
{
    return (vector_u32)vpadalq_u16((uint32x4_t)sums, pairs);
}

#include "input/pairs_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_neon = {bytes_loop, int32_loop, float32_loop, EXCESS};
