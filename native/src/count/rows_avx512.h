/* From mismatches in 64-bit lanes to outputs, with AVX-512: eight channels a vector. */
#ifndef BNNPLAN_COUNT_ROWS_AVX512_H
#define BNNPLAN_COUNT_ROWS_AVX512_H

#include "count/rows_finish.h"

#include <immintrin.h>

enum { LANES = 8, MOST_VECTORS = BNN_BLOCK / LANES };

BNN_INLINE void store_sums(const bnn_row *row, size_t output, const size_t vectors,
                           const __m512i *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step;
    int32_t *to = (int32_t *)(void *)((char *)row->output + output * row->output_step);
    BNN_UNROLL for (size_t v = 0; v < vectors; v++) {
        const size_t left = row->channels - LANES * v;
        const __m256i twice = _mm256_slli_epi32(_mm512_cvtepi64_epi32(mismatches[v]), 1);
        if (left >= LANES) { /* masks slow stores down */
            const __m256i base = _mm256_loadu_si256((const void *)(limits + LANES * v));
            _mm256_storeu_si256((void *)(to + LANES * v), _mm256_sub_epi32(base, twice));
        } else {
            const __mmask8 inside = (__mmask8)((1u << left) - 1);
            const __m256i base = _mm256_maskz_loadu_epi32(inside, limits + LANES * v);
            _mm256_mask_storeu_epi32(to + LANES * v, inside, _mm256_sub_epi32(base, twice));
        }
    }
}

/* Limits stand in whole blocks, those of lanes without a filter never exceeded. */
BNN_INLINE void store_all_bits(const bnn_row *row, size_t output, const size_t vectors,
                               const __m512i *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step;
    uint32_t bits = 0;
    BNN_UNROLL for (size_t v = 0; v < vectors; v += 2) {
        __m512i counts = _mm512_zextsi256_si512(_mm512_cvtepi64_epi32(mismatches[v]));
        if (v + 1 < vectors)
            counts = _mm512_inserti64x4(counts, _mm512_cvtepi64_epi32(mismatches[v + 1]), 1);
        __m512i limit = _mm512_loadu_si512(limits + LANES * v);
        bits |= (uint32_t)_mm512_cmpgt_epi32_mask(counts, limit) << (LANES * v);
    }
    store_bits(row, output, bits);
}

#endif
