/* From mismatches to outputs, one channel at a time; for kernels without a vector form of it. */
#ifndef BNNPLAN_COUNT_ROWS_FINISH_H
#define BNNPLAN_COUNT_ROWS_FINISH_H

#include "core/bits.h"
#include "core/unroll.h"
#include "count/rows.h"

#include <string.h>

BNN_INLINE void finish_sums(const bnn_row *row, size_t output, const int64_t *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step;
    int32_t sums[BNN_BLOCK];
    for (size_t c = 0; c < row->channels; c++)
        sums[c] = (int32_t)(limits[c] - 2 * mismatches[c]);
    memcpy((char *)row->output + output * row->output_step, sums, row->channels * sizeof *sums);
}

BNN_INLINE void store_bits(const bnn_row *row, size_t output, uint32_t bits)
{
    bnn_store_half((char *)row->output + output * row->output_step, row->output_bytes, bits);
}

BNN_INLINE void finish_bits(const bnn_row *row, size_t output, const int64_t *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step;
    uint32_t bits = 0;
    for (size_t c = 0; c < row->channels; c++)
        bits |= (uint32_t)(mismatches[c] > limits[c]) << c;
    store_bits(row, output, bits);
}

#endif
