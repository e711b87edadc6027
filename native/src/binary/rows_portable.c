/* Plain C: as fast as the compiler's popcount. */
#include "binary/rows_finish.h"

static void count(const bnn_row *row, size_t output, int64_t *mismatches)
{
    const uint64_t *window = row->windows + output * row->window_step;
    const size_t width = bnn_row_width(row->channels);
    const uint64_t *weights = row->weights;
    for (size_t c = 0; c < row->channels; c++)
        mismatches[c] = 0;
    for (size_t r = 0; r < row->runs; r++) {
        const uint64_t *run = window + row->run_offsets[r];
        for (size_t w = 0; w < row->run_words; w++, weights += width)
            for (size_t c = 0; c < row->channels; c++)
                mismatches[c] += __builtin_popcountll(run[w] ^ weights[c]);
    }
}

static void sums(const bnn_row *row)
{
    int64_t mismatches[BNN_BLOCK];
    for (size_t i = 0; i < row->outputs; i++) {
        count(row, i, mismatches);
        finish_sums(row, i, mismatches);
    }
}

static void bits(const bnn_row *row)
{
    int64_t mismatches[BNN_BLOCK];
    for (size_t i = 0; i < row->outputs; i++) {
        count(row, i, mismatches);
        finish_bits(row, i, mismatches);
    }
}

const bnn_row_kernels bnn_rows_portable = {sums, bits};
