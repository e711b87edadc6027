#define VECTOR_BYTES 16
#define TILE_OUTPUTS 1

#include "bits/less_portable.h"
#include "input/vectors.h"

/* Four unsigned bytes times four signed ones, for each channel. */
BNN_INLINE vector_u32 add_quads(vector_u32 sums, uint32_t quad, const int8_t *weights)
{
    for (int lane = 0; lane < VECTOR_BYTES / 4; lane++)
        for (int i = 0; i < 4; i++)
            sums[lane] += (quad >> 8 * i & 0xff) * (uint32_t)weights[4 * lane + i];
    return sums;
}

#include "input/rows_impl.h"

const bnn_input_loops bnn_input_portable = {bytes_loop, int32_loop, float32_loop};
