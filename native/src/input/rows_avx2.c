#define VECTOR_BYTES 32
#define TILE_OUTPUTS 2

#include "bits/less_avx2.h"
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

#include "input/rows_impl.h"

const bnn_input_loops bnn_input_avx2 = {bytes_loop, int32_loop, float32_loop};
