/* The index of pairs of pixels, with AVX2: four words of either at a time. */
#ifndef BNNPLAN_LOOKUP_INDEX_AVX2_H
#define BNNPLAN_LOOKUP_INDEX_AVX2_H

#include "lookup/product.h"

#include "core/unroll.h"

#include <immintrin.h>
#include <string.h>

enum { WORD_GROUPS = 16, WORDS = 4 };

/* Places of tables, in bytes, of the 16 pairs of nibbles of two words. */
BNN_INLINE __m256i index_word(uint64_t first, uint64_t second)
{
    const uint64_t low = 0x0f0f0f0f0f0f0f0fu;
    const __m128i even = _mm_cvtsi64_si128((long long)((first & low) | (second & low) << 4));
    const __m128i odd = _mm_cvtsi64_si128((long long)((first >> 4 & low) | (second & ~low)));
    return _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(even, odd)), 4);
}

/* The same of four words. */
BNN_INLINE void index_words(const uint64_t *first, const uint64_t *second, uint16_t *index)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i a = _mm256_loadu_si256((const void *)first);
    const __m256i b = _mm256_loadu_si256((const void *)second);
    const __m256i even =
        _mm256_or_si256(_mm256_and_si256(a, low),
                        _mm256_slli_epi16(_mm256_and_si256(b, low), 4));
    const __m256i odd = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(a, 4), low),
                                        _mm256_andnot_si256(low, b));
    const __m256i words[2] = {_mm256_unpacklo_epi8(even, odd), _mm256_unpackhi_epi8(even, odd)};
    BNN_UNROLL for (int w = 0; w < WORDS; w++) {
        const __m128i places = w < 2 ? _mm256_castsi256_si128(words[w])
                                     : _mm256_extracti128_si256(words[w - 2], 1);
        _mm256_storeu_si256((void *)(index + WORD_GROUPS * w),
                            _mm256_slli_epi16(_mm256_cvtepu8_epi16(places), 4));
    }
}

static void index_pairs(const uint64_t *row, const bnn_pixel_pair *pairs, size_t count,
                        size_t groups, uint16_t *index)
{
    const size_t words = groups / WORD_GROUPS, rest = groups % WORD_GROUPS;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *first = row + pairs[i].first, *second = row + pairs[i].second;
        size_t w = 0;
        for (; w + WORDS <= words; w += WORDS, index += WORDS * WORD_GROUPS)
            index_words(first + w, second + w, index);
        for (; w < words; w++, index += WORD_GROUPS)
            _mm256_storeu_si256((void *)index, index_word(first[w], second[w]));
        if (rest != 0) {
            uint16_t last[WORD_GROUPS];
            _mm256_storeu_si256((void *)last, index_word(first[words], second[words]));
            memcpy(index, last, rest * sizeof *last);
            index += rest;
        }
    }
}

#endif
