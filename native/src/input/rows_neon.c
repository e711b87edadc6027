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
    BNN_UNROLL for (int v = 0; v < VECTORS; v++)
        less[v] = vcltq_s32((int32x4_t)sums[v], vld1q_s32(limits + LANES * v));
    return block_bits(less);
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    float numbers[BNN_INPUT_BLOCK];
    memcpy(numbers, sums, sizeof numbers);
    return less_f32(numbers, limits, BNN_INPUT_BLOCK);
}

#include "input/rows_finish.h"

enum { EXCESS = 255, QUADS_A_SUM_HOLDS = 128 }; /* 128 * 2 * 255 < 2^16 */

/* Add the 16-bit sums, two a channel, to those of 32 bits, and start them anew. */
BNN_INLINE void widen(const int outputs, uint16x8_t narrow[TILE_OUTPUTS][VECTORS],
                      vector_u32 sums[TILE_OUTPUTS][VECTORS])
{
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
            sums[p][v] = (vector_u32)vpadalq_u16((uint32x4_t)sums[p][v], narrow[p][v]);
            narrow[p][v] = vdupq_n_u16(0);
        }
}

/* -x is ~x + 1, and ~x as a byte is 255 - x: where a weight is -1 a byte is inverted, and 255
 * comes out too much. Weights that pad a run are 0 in all channels: bytes there count as 0. */
BNN_INLINE void bytes_tile(const bnn_input_row *row, const finish *f, size_t first,
                           const int outputs, const bool bits)
{
    const size_t step = row->window_step, quads = row->run_length;
    const char *windows = row->windows + first * step;
    const int8_t *weights = row->weights;
    uint16x8_t narrow[TILE_OUTPUTS][VECTORS];
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
            sums[p][v] = LOAD_U32(row->starts + LANES * v);
            narrow[p][v] = vdupq_n_u16(0);
        }
    size_t room = QUADS_A_SUM_HOLDS;
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t q = 0; q < quads;) {
            if (room == 0) {
                widen(outputs, narrow, sums);
                room = QUADS_A_SUM_HOLDS;
            }
            const size_t stop = q + (quads - q < room ? quads - q : room);
            room -= stop - q;
            for (; q < stop; q++, run += BNN_QUAD, weights += BNN_INPUT_BLOCK * BNN_QUAD) {
                uint32_t taps, quad;
                memcpy(&taps, weights, sizeof taps);
                const uint8x16_t real = vtstq_u8(vreinterpretq_u8_u32(vdupq_n_u32(taps)),
                                                 vdupq_n_u8(UINT8_MAX));
                uint8x16_t x[TILE_OUTPUTS];
                BNN_UNROLL for (int p = 0; p < outputs; p++) {
                    memcpy(&quad, run + (size_t)p * step, sizeof quad);
                    x[p] = vandq_u8(real, vreinterpretq_u8_u32(vdupq_n_u32(quad)));
                }
                BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
                    const uint8x16_t negative = vreinterpretq_u8_s8(
                        vshrq_n_s8(vld1q_s8(weights + VECTOR_BYTES * v), 7));
                    BNN_UNROLL for (int p = 0; p < outputs; p++)
                        narrow[p][v] = vpadalq_u8(narrow[p][v], veorq_u8(x[p], negative));
                }
            }
        }
    }
    widen(outputs, narrow, sums);
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_integers(f, first + (size_t)p, sums[p], bits);
}

#include "input/rows_impl.h"

const bnn_input_loops bnn_input_neon = {bytes_loop, int32_loop, float32_loop, EXCESS};
