/* 64 channels of one window of bits: -1 is bit 1, so the largest is the AND of all taps, the
 * smallest the OR. */
#ifndef BNNPLAN_POOL_WORD_H
#define BNNPLAN_POOL_WORD_H

#include "core/unroll.h"

#include <stddef.h>
#include <stdint.h>

/* A window of height x width taps whose first word is `from`; rows and pixels are so many words
 * apart. Channels of `minimum` take the smallest: the OR is the AND of what is turned over. */
BNN_INLINE uint64_t bnn_pool_word(const uint64_t *from, size_t row, size_t pixel, size_t height,
                                  size_t width, uint64_t minimum)
{
    uint64_t all = ~(uint64_t)0;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            all &= from[y * row + x * pixel] ^ minimum;
    return all ^ minimum;
}

#endif
