/* Runs of bits that start anywhere in 64-bit little-endian words. */
#ifndef BNNPLAN_CORE_BITS_H
#define BNNPLAN_CORE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BNN_WORD_BITS = 64, BNN_HALF_BITS = BNN_WORD_BITS / 2 };

/* Number of the lowest four bits that are 1, also in initialisers. */
#define BNN_NIBBLE_BITS(x) (((x) & 1) + ((x) >> 1 & 1) + ((x) >> 2 & 1) + ((x) >> 3 & 1))

static inline size_t bnn_words(size_t bits)
{
    return (bits + BNN_WORD_BITS - 1) / BNN_WORD_BITS;
}

/* The lowest n bits, 0 <= n <= 64. */
static inline uint64_t bnn_low_bits(size_t n)
{
    return n == 0 ? 0 : ~(uint64_t)0 >> (BNN_WORD_BITS - n);
}

/* Bytes that the bits of a block of 32 channels, the first of which is `first`, are stored in: the
 * last one of a pixel also clears the rest of its word. */
static inline size_t bnn_half_bytes(size_t first, size_t channels)
{
    const bool clears = first % BNN_WORD_BITS == 0 && channels - first <= BNN_HALF_BITS;
    return clears ? sizeof(uint64_t) : sizeof(uint32_t);
}

/* Store them, of which all beyond 32 are 0. */
static inline void bnn_store_half(char *to, size_t bytes, uint32_t bits)
{
    const uint64_t word = bits;
    if (bytes == sizeof word)
        memcpy(to, &word, sizeof word);
    else
        memcpy(to, &bits, sizeof bits);
}

/* n bits, 1 <= n <= 64, from bit `at`; reads no word that holds none of them. */
static inline uint64_t bnn_get_bits(const uint64_t *words, size_t at, size_t n)
{
    size_t word = at / BNN_WORD_BITS, shift = at % BNN_WORD_BITS;
    uint64_t bits = words[word] >> shift;
    if (shift + n > BNN_WORD_BITS)
        bits |= words[word + 1] << (BNN_WORD_BITS - shift);
    return bits & bnn_low_bits(n);
}

/* Copy n bits from bit `at` to whole words; the tail of the last word becomes 0. */
static inline void bnn_copy_bits(const uint64_t *words, size_t at, size_t n, uint64_t *to)
{
    for (; n >= BNN_WORD_BITS; n -= BNN_WORD_BITS, at += BNN_WORD_BITS)
        *to++ = bnn_get_bits(words, at, BNN_WORD_BITS);
    if (n != 0)
        *to = bnn_get_bits(words, at, n);
}

/* Bits of n signs, 1 where negative; bit i of the result is signs[i]. n <= 64. */
static inline uint64_t bnn_sign_bits(const int8_t *signs, size_t n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint64_t)(signs[i] < 0) << i;
    return bits;
}

/* Or the lowest n bits, 1 <= n <= 64, into words from bit `at` on, where they are 0. */
static inline void bnn_or_bits(uint64_t *words, size_t at, size_t n, uint64_t bits)
{
    const size_t word = at / BNN_WORD_BITS, shift = at % BNN_WORD_BITS;
    words[word] |= bits << shift;
    if (shift + n > BNN_WORD_BITS)
        words[word + 1] |= bits >> (BNN_WORD_BITS - shift);
}

#endif
