/* AVX-512BW: 64 filters a vector. */
#include "gemv/gemv.h"
#include "gemv/nibbles.h"
#include "threshold/less_avx2.h"

typedef __m512i vec;

enum { LANES = 64, MOST_VECTORS = 4, BLOCK = LANES * MOST_VECTORS };

BNN_INLINE vec table(unsigned nibble)
{
    return _mm512_broadcast_i32x4(_mm_load_si128((const void *)nibbles[nibble]));
}

/* The mismatches of a byte of each filter, its halves looked up in two tables. */
BNN_INLINE vec look_up(vec low, vec high, const uint8_t *weights)
{
    const vec nibble = _mm512_set1_epi8(15), w = _mm512_loadu_si512(weights);
    const vec shifted = _mm512_and_si512(_mm512_srli_epi16(w, 4), nibble);
    BNN_GEMV_PREFETCH(weights);
    return _mm512_add_epi8(_mm512_shuffle_epi8(low, _mm512_and_si512(w, nibble)),
                           _mm512_shuffle_epi8(high, shifted));
}

BNN_INLINE vec add_bytes(vec a, vec b)
{
    return _mm512_add_epi8(a, b);
}

/* Add bytes to 16-bit counts. */
BNN_INLINE void widen(vec counts, vec wide[2])
{
    const __m256i low = _mm512_castsi512_si256(counts), high = _mm512_extracti64x4_epi64(counts, 1);
    wide[0] = _mm512_add_epi16(wide[0], _mm512_cvtepu8_epi16(low));
    wide[1] = _mm512_add_epi16(wide[1], _mm512_cvtepu8_epi16(high));
}

BNN_INLINE void store_counts(const vec wide[2], bool begins, int32_t *mismatches)
{
    BNN_UNROLL for (size_t i = 0; i < 4; i++, mismatches += 16) {
        const __m256i half = i % 2 == 0 ? _mm512_castsi512_si256(wide[i / 2])
                                        : _mm512_extracti64x4_epi64(wide[i / 2], 1);
        vec sum = _mm512_cvtepu16_epi32(half);
        if (!begins)
            sum = _mm512_add_epi32(sum, _mm512_loadu_si512(mismatches));
        _mm512_storeu_si512(mismatches, sum);
    }
}

#include "gemv/nibbles_impl.h"

const bnn_gemv_kernels bnn_gemv_avx512bw = {
    .unit = 1,
    .lanes = LANES,
    .block = BLOCK,
    .most_vectors = 1,
    .least_filters = 65,
    .sums = sums,
    .bits = bits,
};
