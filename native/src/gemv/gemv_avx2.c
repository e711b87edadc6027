/* AVX2: 32 filters a vector. */
#include "gemv/gemv.h"
#include "gemv/nibbles.h"
#include "threshold/less_avx2.h"

typedef __m256i vec;

enum { LANES = 32, MOST_VECTORS = 4, BLOCK = LANES * MOST_VECTORS };

BNN_INLINE vec table(unsigned nibble)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128((const void *)nibbles[nibble]));
}

/* The mismatches of a byte of each filter, its halves looked up in two tables. */
BNN_INLINE vec look_up(vec low, vec high, const uint8_t *weights)
{
    const vec nibble = _mm256_set1_epi8(15), w = _mm256_loadu_si256((const void *)weights);
    const vec shifted = _mm256_and_si256(_mm256_srli_epi16(w, 4), nibble);
    return _mm256_add_epi8(_mm256_shuffle_epi8(low, _mm256_and_si256(w, nibble)),
                           _mm256_shuffle_epi8(high, shifted));
}

BNN_INLINE vec add_bytes(vec a, vec b)
{
    return _mm256_add_epi8(a, b);
}

/* Add bytes to 16-bit counts. */
BNN_INLINE void widen(vec counts, vec wide[2])
{
    const __m128i low = _mm256_castsi256_si128(counts), high = _mm256_extracti128_si256(counts, 1);
    wide[0] = _mm256_add_epi16(wide[0], _mm256_cvtepu8_epi16(low));
    wide[1] = _mm256_add_epi16(wide[1], _mm256_cvtepu8_epi16(high));
}

BNN_INLINE void store_counts(const vec wide[2], bool begins, int32_t *mismatches)
{
    BNN_UNROLL for (size_t i = 0; i < 4; i++, mismatches += 8) {
        const __m128i half = i % 2 == 0 ? _mm256_castsi256_si128(wide[i / 2])
                                        : _mm256_extracti128_si256(wide[i / 2], 1);
        vec sum = _mm256_cvtepu16_epi32(half);
        if (!begins)
            sum = _mm256_add_epi32(sum, _mm256_loadu_si256((const void *)mismatches));
        _mm256_storeu_si256((void *)mismatches, sum);
    }
}

#include "gemv/nibbles_impl.h"

const bnn_gemv_kernels bnn_gemv_avx2 = {
    .unit = 1,
    .lanes = LANES,
    .block = BLOCK,
    .most_vectors = SIZE_MAX,
    .least_filters = 65,
    .sums = sums,
    .bits = bits,
};
