#define VECTOR_BYTES 32
#define TILE_OUTPUTS 2

#include "input/vectors.h"

#include <immintrin.h>

/* Four unsigned bytes times four signed ones, for each channel. Pairs of products with +1 and -1
 * stay within 16 bits. */
BNN_INLINE vector_u32 add_quads(vector_u32 sums, uint32_t quad, const int8_t *weights)
{
    __m256i w = _mm256_loadu_si256((const void *)weights);
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi32((int)quad), w);
    return sums + (vector_u32)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* Bit i: number i of the block is below limit i. */
BNN_INLINE uint32_t block_less_i32(const vector_u32 *sums, const int32_t *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
        __m256i t = _mm256_loadu_si256((const void *)(limits + LANES * v));
        __m256 less = _mm256_castsi256_ps(_mm256_cmpgt_epi32(t, (__m256i)sums[v]));
        bits |= (uint32_t)_mm256_movemask_ps(less) << (LANES * v);
    }
    return bits;
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
        __m256 t = _mm256_loadu_ps(limits + LANES * v);
        __m256 less = _mm256_cmp_ps((__m256)sums[v], t, _CMP_LT_OQ);
        bits |= (uint32_t)_mm256_movemask_ps(less) << (LANES * v);
    }
    return bits;
}

#include "input/quads_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_avx2 = {bytes_loop, int32_loop, float32_loop, 0};
