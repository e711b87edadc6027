/* 32-bit ARM looks up 8 bytes at most: it has no triples. */
#include "input/triples.h"

#if defined(__aarch64__)
#define VECTOR_BYTES 16
#define TILE_OUTPUTS 4
#define LANE_GROUPS {0, 1, 2, 3}

#include "core/unroll.h"
#include "threshold/mask_neon.h"

typedef uint8x16_t vector_u8;
typedef int8x16_t vector_i8;
typedef int16x8_t vector_i16;

BNN_INLINE vector_u8 repeat(const void *address)
{
    return vld1q_u8(address);
}

BNN_INLINE vector_u8 pick(vector_u8 bytes, vector_u8 places)
{
    return vqtbl1q_u8(bytes, places);
}

BNN_INLINE vector_i16 pair_sums(vector_u8 bytes, vector_i8 signs)
{
    const int16x8_t low = vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))),
                                    vmovl_s8(vget_low_s8(signs)));
    const int16x8_t high = vmulq_s16(vreinterpretq_s16_u16(vmovl_high_u8(bytes)),
                                     vmovl_high_s8(signs));
    return vpaddq_s16(low, high);
}

BNN_INLINE uint32_t below(const vector_i16 *sums, const vector_i16 *limits)
{
    uint16x8_t less[BNN_LANE_GROUPS];
    BNN_UNROLL for (int g = 0; g < BNN_LANE_GROUPS; g++)
        less[g] = vcltq_s16(sums[g], limits[g]);
    return halves_bits(less);
}

#include "input/triples_impl.h"

const bnn_triple_loops bnn_triples_neon = {row_loop, tables_loop, LANE_GROUPS};
#endif
