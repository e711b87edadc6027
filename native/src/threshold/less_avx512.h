/* Bit i of the result: numbers[i] < limits[i], floats with signs[i] turned over; 1 <= n <= 32. With
 * AVX-512. */
#ifndef BNNPLAN_THRESHOLD_LESS_AVX512_H
#define BNNPLAN_THRESHOLD_LESS_AVX512_H

#include "core/unroll.h"

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

BNN_INLINE __mmask16 lanes_from(size_t n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

BNN_INLINE uint32_t less_i32(const int32_t *numbers, const int32_t *limits, size_t n)
{
    uint32_t bits = 0;
    BNN_UNROLL for (size_t i = 0; i < 32; i += 16) {
        if (i >= n)
            break;
        __mmask16 inside = lanes_from(n - i);
        __m512i x = _mm512_maskz_loadu_epi32(inside, numbers + i);
        __m512i t = _mm512_maskz_loadu_epi32(inside, limits + i);
        bits |= (uint32_t)_mm512_mask_cmplt_epi32_mask(inside, x, t) << i;
    }
    return bits;
}

BNN_INLINE uint32_t less_signed_f32(const float *numbers, const uint32_t *signs,
                                    const float *limits, size_t n)
{
    uint32_t bits = 0;
    BNN_UNROLL for (size_t i = 0; i < 32; i += 16) {
        if (i >= n)
            break;
        __mmask16 inside = lanes_from(n - i);
        __m512 sign = _mm512_castsi512_ps(_mm512_maskz_loadu_epi32(inside, signs + i));
        __m512 x = _mm512_xor_ps(_mm512_maskz_loadu_ps(inside, numbers + i), sign);
        __m512 t = _mm512_maskz_loadu_ps(inside, limits + i);
        bits |= (uint32_t)_mm512_mask_cmp_ps_mask(inside, x, t, _CMP_LT_OQ) << i;
    }
    return bits;
}

/* Bit i: bytes[i] ^ turn <= limits[i], unsigned. */
BNN_INLINE uint32_t at_most_u8(const uint8_t *bytes, uint8_t turn, const uint8_t *limits,
                               size_t n, size_t before)
{
    (void)before;
    const __mmask32 inside = UINT32_MAX >> (32 - n);
    const __m256i x = _mm256_xor_si256(_mm256_maskz_loadu_epi8(inside, bytes),
                                       _mm256_set1_epi8((char)turn));
    return _mm256_mask_cmple_epu8_mask(inside, x, _mm256_maskz_loadu_epi8(inside, limits));
}

#endif
