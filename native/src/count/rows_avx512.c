/* AVX-512 with VPOPCNTDQ: eight channels a vector, counts in 64-bit lanes. */
#include "count/rows_finish.h"

#include <immintrin.h>

enum { LANES = 8, MOST_OUTPUTS = 4, MOST_VECTORS = BNN_BLOCK / LANES };

BNN_INLINE void store_sums(const bnn_row *row, size_t output, const int vectors,
                           const __m512i *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step;
    int32_t *to = (int32_t *)(void *)((char *)row->output + output * row->output_step);
    BNN_UNROLL for (int v = 0; v < vectors; v++) {
        size_t left = row->channels - (size_t)(LANES * v);
        __mmask8 inside = left >= LANES ? 0xff : (__mmask8)((1u << left) - 1);
        __m256i counts = _mm512_cvtepi64_epi32(mismatches[v]);
        __m256i base = _mm256_maskz_loadu_epi32(inside, limits + LANES * v);
        __m256i sum = _mm256_sub_epi32(base, _mm256_slli_epi32(counts, 1));
        _mm256_mask_storeu_epi32(to + LANES * v, inside, sum);
    }
}

/* Limits stand in whole blocks, those of lanes without a filter never exceeded. */
BNN_INLINE void store_all_bits(const bnn_row *row, size_t output, const int vectors,
                               const __m512i *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step;
    uint32_t bits = 0;
    BNN_UNROLL for (int v = 0; v < vectors; v += 2) {
        __m512i counts = _mm512_zextsi256_si512(_mm512_cvtepi64_epi32(mismatches[v]));
        if (v + 1 < vectors)
            counts = _mm512_inserti64x4(counts, _mm512_cvtepi64_epi32(mismatches[v + 1]), 1);
        __m512i limit = _mm512_loadu_si512(limits + LANES * v);
        bits |= (uint32_t)_mm512_cmpgt_epi32_mask(counts, limit) << (LANES * v);
    }
    store_bits(row, output, bits);
}

BNN_INLINE void tile(const bnn_row *row, size_t first, const int outputs, const int vectors,
                     const bool bits)
{
    const uint64_t *windows = row->windows + first * row->window_step;
    const uint64_t *weights = row->weights;
    const size_t step = row->window_step;
    __m512i mismatches[MOST_OUTPUTS][MOST_VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < vectors; v++)
            mismatches[p][v] = _mm512_setzero_si512();
    for (size_t r = 0; r < row->runs; r++) {
        const uint64_t *run = windows + row->run_offsets[r];
        for (size_t w = 0; w < row->run_words; w++, run++, weights += LANES * vectors) {
            __m512i b[MOST_VECTORS];
            BNN_UNROLL for (int v = 0; v < vectors; v++)
                b[v] = _mm512_loadu_si512(weights + LANES * v);
            BNN_UNROLL for (int p = 0; p < outputs; p++) {
                __m512i a = _mm512_set1_epi64((long long)run[(size_t)p * step]);
                BNN_UNROLL for (int v = 0; v < vectors; v++)
                    mismatches[p][v] = _mm512_add_epi64(
                        mismatches[p][v], _mm512_popcnt_epi64(_mm512_xor_si512(a, b[v])));
            }
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        if (bits)
            store_all_bits(row, first + (size_t)p, vectors, mismatches[p]);
        else
            store_sums(row, first + (size_t)p, vectors, mismatches[p]);
}

/* All outputs, in tiles as equal as they can be: 7 outputs are 4 + 3, not 4 + 2 + 1. */
BNN_INLINE void walk(const bnn_row *row, const int vectors, const bool bits)
{
    size_t i = 0;
    for (; i + MOST_OUTPUTS <= row->outputs; i += MOST_OUTPUTS)
        tile(row, i, MOST_OUTPUTS, vectors, bits);
    switch (row->outputs - i) {
    case 3: tile(row, i, 3, vectors, bits); break;
    case 2: tile(row, i, 2, vectors, bits); break;
    case 1: tile(row, i, 1, vectors, bits); break;
    default: break;
    }
}

BNN_INLINE void dispatch(const bnn_row *row, const bool bits)
{
    switch (bnn_row_width(row->channels) / LANES) {
    case 1: walk(row, 1, bits); break;
    case 2: walk(row, 2, bits); break;
    case 3: walk(row, 3, bits); break;
    default: walk(row, 4, bits); break;
    }
}

static void sums(const bnn_row *row)
{
    dispatch(row, false);
}

static void bits(const bnn_row *row)
{
    dispatch(row, true);
}

const bnn_row_kernels bnn_rows_avx512 = {sums, bits};
