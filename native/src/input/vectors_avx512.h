/* Vectors of AVX-512, and a block of numbers compared in them. */
#ifndef BNNPLAN_INPUT_VECTORS_AVX512_H
#define BNNPLAN_INPUT_VECTORS_AVX512_H

#define VECTOR_BYTES 64
#define TILE_OUTPUTS 4

#include "input/vectors.h"

#include <immintrin.h>

/* Bit i: number i of the block is below limit i. */
BNN_INLINE uint32_t block_less_i32(const vector_u32 *sums, const int32_t *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
        __m512i t = _mm512_loadu_si512(limits + LANES * v);
        bits |= (uint32_t)_mm512_cmplt_epi32_mask((__m512i)sums[v], t) << (LANES * v);
    }
    return bits;
}

BNN_INLINE uint32_t block_less_f32(const vector_u32 *sums, const float *limits)
{
    uint32_t bits = 0;
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
        __m512 t = _mm512_loadu_ps(limits + LANES * v);
        __mmask16 less = _mm512_cmp_ps_mask((__m512)sums[v], t, _CMP_LT_OQ);
        bits |= (uint32_t)less << (LANES * v);
    }
    return bits;
}

#endif
