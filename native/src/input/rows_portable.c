#define VECTOR_BYTES 16
#define TILE_OUTPUTS 1

#include "threshold/less_portable.h"
#include "input/vectors.h"

#include <string.h>

/* Four unsigned bytes times four signed ones, for each channel: little-endian, byte i of a lane is
 * shifted to its top and back with its sign. */
BNN_INLINE vector_u32 add_quads(vector_u32 sums, uint32_t quad, const int8_t *weights)
{
    typedef int32_t vector_i32 __attribute__((vector_size(VECTOR_BYTES)));
    const vector_u32 lanes = LOAD_U32(weights);
    BNN_UNROLL for (int i = 0; i < BNN_QUAD; i++) {
        vector_i32 weight = (vector_i32)(lanes << (24 - 8 * i)) >> 24;
        sums += (quad >> 8 * i & 0xff) * (vector_u32)weight;
    }
    return sums;
}

/* Bit i: number i of the block is below limit i. */
BNN_INLINE uint32_t block_less_i32(const vector_u32 *sums, const int32_t *limits)
{
    int32_t numbers[BNN_INPUT_BLOCK];
    memcpy(numbers, sums, sizeof numbers);
    return less_i32(numbers, limits, BNN_INPUT_BLOCK);
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    float numbers[BNN_INPUT_BLOCK];
    memcpy(numbers, sums, sizeof numbers);
    return less_f32(numbers, limits, BNN_INPUT_BLOCK);
}

#include "input/quads_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_portable = {bytes_loop, int32_loop, float32_loop, 0};
