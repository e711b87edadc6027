/* From comparisons to bits: NEON lanes that are all ones or all zeros, one bit a lane. */
#ifndef BNNPLAN_THRESHOLD_MASK_NEON_H
#define BNNPLAN_THRESHOLD_MASK_NEON_H

#include "core/unroll.h"

#include <arm_neon.h>

/* Of eight bytes. */
BNN_INLINE uint32_t byte_bits(uint8x8_t masks)
{
    static const uint8_t single[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint8x8_t bits = vand_u8(masks, vld1_u8(single));
#if defined(__aarch64__)
    return vaddv_u8(bits);
#else
    BNN_UNROLL for (int i = 0; i < 3; i++)
        bits = vpadd_u8(bits, bits);
    return vget_lane_u8(bits, 0);
#endif
}

/* Of eight lanes. */
BNN_INLINE uint32_t group_bits(uint32x4_t low, uint32x4_t high)
{
    return byte_bits(vmovn_u16(vcombine_u16(vmovn_u32(low), vmovn_u32(high))));
}

#if defined(__aarch64__)
/* Of 32 lanes of 16 bits. */
BNN_INLINE uint32_t halves_bits(const uint16x8_t masks[4])
{
    static const uint8_t single[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t of_lanes = vld1q_u8(single);
    uint8x16_t bytes[2];
    BNN_UNROLL for (int i = 0; i < 2; i++)
        bytes[i] = vandq_u8(of_lanes, vuzp1q_u8(vreinterpretq_u8_u16(masks[2 * i]),
                                                vreinterpretq_u8_u16(masks[2 * i + 1])));
    uint8x16_t bits = vpaddq_u8(bytes[0], bytes[1]);
    bits = vpaddq_u8(bits, bits);
    bits = vpaddq_u8(bits, bits);
    return vgetq_lane_u32(vreinterpretq_u32_u8(bits), 0);
}
#endif

/* Of 32 lanes. */
BNN_INLINE uint32_t block_bits(const uint32x4_t masks[8])
{
#if defined(__aarch64__)
    uint16x8_t halves[4];
    BNN_UNROLL for (int i = 0; i < 4; i++)
        halves[i] = vuzp1q_u16(vreinterpretq_u16_u32(masks[2 * i]),
                               vreinterpretq_u16_u32(masks[2 * i + 1]));
    return halves_bits(halves);
#else
    uint32_t bits = 0;
    BNN_UNROLL for (int i = 0; i < 4; i++)
        bits |= group_bits(masks[2 * i], masks[2 * i + 1]) << (8 * i);
    return bits;
#endif
}

#endif
