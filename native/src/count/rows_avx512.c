/* AVX-512 with VPOPCNTDQ: eight channels a vector, counts in 64-bit lanes. */
#include "count/rows_avx512.h"

enum { MOST_OUTPUTS = 4 };

BNN_INLINE void tile(const bnn_row *row, size_t first, const size_t outputs, const size_t vectors,
                     const bool bits)
{
    const uint64_t *windows = row->windows + first * row->window_step;
    const uint64_t *weights = row->weights;
    const size_t step = row->window_step;
    __m512i mismatches[MOST_OUTPUTS][MOST_VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            mismatches[p][v] = _mm512_setzero_si512();
    for (size_t r = 0; r < row->runs; r++) {
        const uint64_t *run = windows + row->run_offsets[r];
        for (size_t w = 0; w < row->run_words; w++, run++, weights += LANES * vectors) {
            __m512i b[MOST_VECTORS];
            BNN_UNROLL for (size_t v = 0; v < vectors; v++)
                b[v] = _mm512_loadu_si512(weights + LANES * v);
            BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
                __m512i a = _mm512_set1_epi64((long long)run[p * step]);
                BNN_UNROLL for (size_t v = 0; v < vectors; v++)
                    mismatches[p][v] = _mm512_add_epi64(
                        mismatches[p][v], _mm512_popcnt_epi64(_mm512_xor_si512(a, b[v])));
            }
        }
    }
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        if (bits)
            store_all_bits(row, first + p, vectors, mismatches[p]);
        else
            store_sums(row, first + p, vectors, mismatches[p]);
}

/* All outputs, in tiles as equal as they can be: 7 outputs are 4 + 3, not 4 + 2 + 1. */
BNN_INLINE void walk(const bnn_row *row, const size_t vectors, const bool bits)
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
