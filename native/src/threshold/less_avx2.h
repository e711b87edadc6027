/* Bit i of the result: numbers[i] < limits[i], floats with signs[i] turned over; 1 <= n <= 32. With
 * AVX2. */
#ifndef BNNPLAN_THRESHOLD_LESS_AVX2_H
#define BNNPLAN_THRESHOLD_LESS_AVX2_H

#include "core/unroll.h"

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

BNN_INLINE uint32_t less_i32(const int32_t *numbers, const int32_t *limits, size_t n)
{
    uint32_t bits = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i x = _mm256_loadu_si256((const void *)(numbers + i));
        __m256i t = _mm256_loadu_si256((const void *)(limits + i));
        __m256 less = _mm256_castsi256_ps(_mm256_cmpgt_epi32(t, x));
        bits |= (uint32_t)_mm256_movemask_ps(less) << i;
    }
    for (; i < n; i++)
        bits |= (uint32_t)(numbers[i] < limits[i]) << i;
    return bits;
}

BNN_INLINE uint32_t less_signed_f32(const float *numbers, const uint32_t *signs,
                                    const float *limits, size_t n)
{
    uint32_t bits = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 sign = _mm256_castsi256_ps(_mm256_loadu_si256((const void *)(signs + i)));
        __m256 x = _mm256_xor_ps(_mm256_loadu_ps(numbers + i), sign);
        __m256 less = _mm256_cmp_ps(x, _mm256_loadu_ps(limits + i), _CMP_LT_OQ);
        bits |= (uint32_t)_mm256_movemask_ps(less) << i;
    }
    for (; i < n; i++) {
        float x = signs[i] != 0 ? -numbers[i] : numbers[i];
        bits |= (uint32_t)(x < limits[i]) << i;
    }
    return bits;
}

BNN_INLINE uint32_t at_most_32_u8(const uint8_t *bytes, uint8_t turn, const uint8_t *limits)
{
    const __m256i x = _mm256_xor_si256(_mm256_loadu_si256((const void *)bytes),
                                       _mm256_set1_epi8((char)turn));
    const __m256i most = _mm256_min_epu8(x, _mm256_loadu_si256((const void *)limits));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(most, x));
}

/* Bit i: bytes[i] ^ turn <= limits[i], unsigned. `before` bytes and limits stand before these. */
BNN_INLINE uint32_t at_most_u8(const uint8_t *bytes, uint8_t turn, const uint8_t *limits,
                               size_t n, size_t before)
{
    const size_t missing = 32 - n;
    if (missing <= before) /* with the last of those before */
        return at_most_32_u8(bytes - missing, turn, limits - missing) >> missing;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint32_t)((bytes[i] ^ turn) <= limits[i]) << i;
    return bits;
}

#endif
