/* Bit i of the result: numbers[i] < limits[i], floats with signs[i] turned over where asked for;
 * 1 <= n <= 32. With NEON. */
#ifndef BNNPLAN_THRESHOLD_LESS_NEON_H
#define BNNPLAN_THRESHOLD_LESS_NEON_H

#include "threshold/mask_neon.h"

#include <stddef.h>

BNN_INLINE uint32_t less_i32(const int32_t *numbers, const int32_t *limits, size_t n)
{
    if (n == 32) {
        uint32x4_t less[8];
        BNN_UNROLL for (int v = 0; v < 8; v++)
            less[v] = vcltq_s32(vld1q_s32(numbers + 4 * v), vld1q_s32(limits + 4 * v));
        return block_bits(less);
    }
    uint32_t bits = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        bits |= group_bits(vcltq_s32(vld1q_s32(numbers + i), vld1q_s32(limits + i)),
                           vcltq_s32(vld1q_s32(numbers + i + 4), vld1q_s32(limits + i + 4)))
                << i;
    for (; i < n; i++)
        bits |= (uint32_t)(numbers[i] < limits[i]) << i;
    return bits;
}

/* On 32-bit ARM one by one: its NEON takes small numbers for 0. */
BNN_INLINE uint32_t less_f32(const float *numbers, const float *limits, size_t n)
{
    uint32_t bits = 0;
    size_t i = 0;
#if defined(__aarch64__)
    if (n == 32) {
        uint32x4_t less[8];
        BNN_UNROLL for (int v = 0; v < 8; v++)
            less[v] = vcltq_f32(vld1q_f32(numbers + 4 * v), vld1q_f32(limits + 4 * v));
        return block_bits(less);
    }
    for (; i + 8 <= n; i += 8)
        bits |= group_bits(vcltq_f32(vld1q_f32(numbers + i), vld1q_f32(limits + i)),
                           vcltq_f32(vld1q_f32(numbers + i + 4), vld1q_f32(limits + i + 4)))
                << i;
#endif
    for (; i < n; i++)
        bits |= (uint32_t)(numbers[i] < limits[i]) << i;
    return bits;
}

BNN_INLINE uint32_t less_signed_f32(const float *numbers, const uint32_t *signs,
                                    const float *limits, size_t n)
{
    float turned[32];
    for (size_t i = 0; i < n; i++)
        turned[i] = signs[i] != 0 ? -numbers[i] : numbers[i];
    return less_f32(turned, limits, n);
}

/* Bit i: bytes[i] ^ turn <= limits[i], unsigned. */
BNN_INLINE uint32_t at_most_u8(const uint8_t *bytes, uint8_t turn, const uint8_t *limits,
                               size_t n, size_t before)
{
    (void)before;
    uint32_t bits = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint8x8_t x = veor_u8(vld1_u8(bytes + i), vdup_n_u8(turn));
        bits |= byte_bits(vcle_u8(x, vld1_u8(limits + i))) << i;
    }
    for (; i < n; i++)
        bits |= (uint32_t)((bytes[i] ^ turn) <= limits[i]) << i;
    return bits;
}

#endif
