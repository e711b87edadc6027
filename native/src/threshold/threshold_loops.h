/* The loops of thresholds; included once for each instruction set, after its less_*.h. */
#include "threshold/threshold.h"
#include "core/bits.h"

enum { CHUNK = 32 };

/* One pixel; COMPARE gives the bits of channels at .. at + n - 1. Whole chunks are compared with a
 * constant n, for which compilers unroll all loops. Loops work with limits of their own, which
 * stores of bits cannot alias. */
#define BNN_PIXEL(COMPARE)                                                                        \
    for (size_t c = 0; c < own.channels; c += BNN_WORD_BITS) {                                \
        uint64_t word = 0;                                                                        \
        for (size_t half = 0; half < BNN_WORD_BITS && c + half < own.channels;                \
             half += CHUNK) {                                                                     \
            const size_t at = c + half;                                                           \
            const size_t left = own.channels - at;                                            \
            if (left >= CHUNK) {                                                                  \
                const size_t n = CHUNK;                                                           \
                word |= (uint64_t)(COMPARE) << half;                                              \
            } else {                                                                              \
                const size_t n = left;                                                            \
                word |= (uint64_t)(COMPARE) << half;                                              \
            }                                                                                     \
        }                                                                                         \
        *bits++ = word;                                                                           \
    }

static void int32_loop(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                       size_t pixels)
{
    const bnn_limits own = *limits;
    const int32_t *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += own.channels)
        BNN_PIXEL(less_i32(x + at, own.limits + at, n) ^ own.flips[at / CHUNK])
}

static void bytes_loop(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                       size_t pixels)
{
    const bnn_limits own = *limits;
    const uint8_t *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += own.channels)
        BNN_PIXEL(at_most_u8(x + at, own.turn, own.byte_limits + at, n, at) ^
                  own.flips[at / CHUNK])
}

static void float32_loop(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                         size_t pixels)
{
    const bnn_limits own = *limits;
    const float *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += own.channels)
        BNN_PIXEL(less_signed_f32(x + at, own.signs + at, own.float_limits + at, n))
}

#undef BNN_PIXEL
