/* Bit i of the result: numbers[i] < limits[i], floats with signs[i] turned over where asked for;
 * 1 <= n <= 32. In plain C. */
#ifndef BNNPLAN_THRESHOLD_LESS_PORTABLE_H
#define BNNPLAN_THRESHOLD_LESS_PORTABLE_H

#include "core/unroll.h"

#include <stddef.h>
#include <stdint.h>

BNN_INLINE uint32_t less_i32(const int32_t *numbers, const int32_t *limits, size_t n)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint32_t)(numbers[i] < limits[i]) << i;
    return bits;
}

BNN_INLINE uint32_t less_f32(const float *numbers, const float *limits, size_t n)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint32_t)(numbers[i] < limits[i]) << i;
    return bits;
}

BNN_INLINE uint32_t less_signed_f32(const float *numbers, const uint32_t *signs,
                                    const float *limits, size_t n)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        float x = signs[i] != 0 ? -numbers[i] : numbers[i];
        bits |= (uint32_t)(x < limits[i]) << i;
    }
    return bits;
}

/* Bit i: bytes[i] ^ turn <= limits[i], unsigned. */
BNN_INLINE uint32_t at_most_u8(const uint8_t *bytes, uint8_t turn, const uint8_t *limits,
                               size_t n, size_t before)
{
    (void)before;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint32_t)((bytes[i] ^ turn) <= limits[i]) << i;
    return bits;
}

#endif
