#define VECTOR_BYTES 64
#define TILE_OUTPUTS 4

#include "input/vectors.h"

#include <immintrin.h>

/* Four unsigned bytes times four signed ones, for each channel. */
BNN_INLINE vector_u32 add_quads(vector_u32 sums, uint32_t quad, const int8_t *weights)
{
    __m512i w = _mm512_loadu_si512(weights);
    return (vector_u32)_mm512_dpbusd_epi32((__m512i)sums, _mm512_set1_epi32((int)quad), w);
}

/* Bit i: number i of the block is below limit i. */
BNN_INLINE uint32_t block_less_i32(const vector_u32 *sums, const int32_t *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
        __m512i t = _mm512_loadu_si512(limits + LANES * v);
        bits |= (uint32_t)_mm512_cmplt_epi32_mask((__m512i)sums[v], t) << (LANES * v);
    }
    return bits;
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (int v = 0; v < VECTORS; v++) {
        __m512 t = _mm512_loadu_ps(limits + LANES * v);
        __mmask16 less = _mm512_cmp_ps_mask((__m512)sums[v], t, _CMP_LT_OQ);
        bits |= (uint32_t)less << (LANES * v);
    }
    return bits;
}

#include "input/quads_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_avx512 = {bytes_loop, int32_loop, float32_loop, 0};
