#define VECTOR_BYTES 32
#define TILE_OUTPUTS 3

#include "input/vectors.h"

#include <immintrin.h>
#include <string.h>

typedef vector_i16 vector_narrow;

enum { QUADS_A_SUM_HOLDS = 64 }; /* 64 * 2 * 255 < 2^15 */

/* Four unsigned bytes of each output times four signed ones, +1 and -1, for each channel. */
BNN_INLINE void add_quad(const char *run, size_t step, const int8_t *weights, const size_t outputs,
                         vector_narrow narrow[TILE_OUTPUTS][VECTORS])
{
    BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
        uint32_t quad;
        memcpy(&quad, run + p * step, sizeof quad);
        const __m256i x = _mm256_set1_epi32((int)quad);
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
            const __m256i w = _mm256_loadu_si256((const void *)(weights + VECTOR_BYTES * v));
            narrow[p][v] += (vector_narrow)_mm256_maddubs_epi16(x, w);
        }
    }
}

BNN_INLINE vector_u32 add_pairs(vector_u32 sums, vector_narrow pairs)
{
    return sums + (vector_u32)_mm256_madd_epi16((__m256i)pairs, _mm256_set1_epi16(1));
}

/* Bit i: number i of the block is below limit i. */
BNN_INLINE uint32_t block_less_i32(const vector_u32 *sums, const int32_t *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
        __m256i t = _mm256_loadu_si256((const void *)(limits + LANES * v));
        __m256 less = _mm256_castsi256_ps(_mm256_cmpgt_epi32(t, (__m256i)sums[v]));
        bits |= (uint32_t)_mm256_movemask_ps(less) << (LANES * v);
    }
    return bits;
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
        __m256 t = _mm256_loadu_ps(limits + LANES * v);
        __m256 less = _mm256_cmp_ps((__m256)sums[v], t, _CMP_LT_OQ);
        bits |= (uint32_t)_mm256_movemask_ps(less) << (LANES * v);
    }
    return bits;
}

#include "input/pairs_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_avx2 = {bytes_loop, int32_loop, float32_loop, 0};
