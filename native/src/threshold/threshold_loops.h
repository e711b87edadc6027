/* The loops of thresholds; included once for each instruction set, after its less_*.h. */
#include "threshold/threshold.h"
#include "core/bits.h"

enum { CHUNK = 32 };

/* One pixel; COMPARE gives the bits of channels at .. at + n - 1. Whole chunks are compared with a
 * constant n, for which compilers unroll all loops. */
#define BNN_PIXEL(COMPARE)                                                                        \
    for (size_t c = 0; c < limits->channels; c += BNN_WORD_BITS) {                                \
        uint64_t word = 0;                                                                        \
        for (size_t half = 0; half < BNN_WORD_BITS && c + half < limits->channels;                \
             half += CHUNK) {                                                                     \
            const size_t at = c + half;                                                           \
            const size_t left = limits->channels - at;                                            \
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
    const int32_t *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += limits->channels)
        BNN_PIXEL(less_i32(x + at, limits->limits + at, n) ^ limits->flips[at / CHUNK])
}

BNN_INLINE uint32_t less_u8(const uint8_t *x, const int32_t *limits, size_t n)
{
    int32_t wide[CHUNK];
    for (size_t i = 0; i < n; i++)
        wide[i] = x[i];
    return less_i32(wide, limits, n);
}

BNN_INLINE uint32_t less_i8(const int8_t *x, const int32_t *limits, size_t n)
{
    int32_t wide[CHUNK];
    for (size_t i = 0; i < n; i++)
        wide[i] = x[i];
    return less_i32(wide, limits, n);
}

static void uint8_loop(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                       size_t pixels)
{
    const uint8_t *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += limits->channels)
        BNN_PIXEL(less_u8(x + at, limits->limits + at, n) ^ limits->flips[at / CHUNK])
}

static void int8_loop(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                      size_t pixels)
{
    const int8_t *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += limits->channels)
        BNN_PIXEL(less_i8(x + at, limits->limits + at, n) ^ limits->flips[at / CHUNK])
}

static void float32_loop(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                         size_t pixels)
{
    const float *x = numbers;
    for (size_t p = 0; p < pixels; p++, x += limits->channels)
        BNN_PIXEL(less_signed_f32(x + at, limits->signs + at, limits->float_limits + at, n))
}

#undef BNN_PIXEL
