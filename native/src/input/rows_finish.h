/* From the sums of a block of channels to outputs; included once for each instruction set, which
 * defines VECTOR_BYTES, block_less_i32() and block_less_f32().
 */
#ifndef BNNPLAN_INPUT_ROWS_FINISH_H
#define BNNPLAN_INPUT_ROWS_FINISH_H

#include "core/bits.h"
#include "core/unroll.h"
#include "input/rows.h"
#include "input/vectors.h"

#include <string.h>

/* What the outputs of a row have in common, in registers: stores to the output may not alias it. */
typedef struct {
    char *output;
    size_t step;
    size_t bytes; /* of bits, or of sums */
    const int32_t *limits;
    const float *float_limits;
    const uint32_t *signs;
    uint32_t flips;
} finish;

BNN_INLINE finish finish_of(const bnn_input_row *row, const bool bits)
{
    const size_t sum_bytes = row->channels * sizeof(int32_t);
    finish f = {row->output, row->output_step, sum_bytes, NULL, NULL, NULL, 0};
    if (bits) {
        f.bytes = row->output_bytes;
        f.limits = row->limits->limits + row->filter;
        f.float_limits = row->limits->float_limits + row->filter;
        f.signs = row->limits->signs + row->filter;
        f.flips = row->limits->flips[row->filter / BNN_INPUT_BLOCK];
    }
    return f;
}

BNN_INLINE void store_bits(const finish *f, size_t output, uint32_t bits)
{
    bnn_store_half(f->output + output * f->step, f->bytes, bits);
}

/* Whole blocks need no call. */
BNN_INLINE void store_sums(const finish *f, size_t output, const void *sums)
{
    char *to = f->output + output * f->step;
    if (f->bytes == BNN_INPUT_BLOCK * sizeof(int32_t))
        memcpy(to, sums, BNN_INPUT_BLOCK * sizeof(int32_t));
    else
        memcpy(to, sums, f->bytes);
}

BNN_INLINE void finish_integers(const finish *f, size_t output, const vector_u32 *sums,
                                const bool bits)
{
    if (bits)
        store_bits(f, output, block_less_i32(sums, f->limits) ^ f->flips);
    else
        store_sums(f, output, sums);
}

BNN_INLINE void finish_floats(const finish *f, size_t output, const vector_f32 *sums,
                              const bool bits)
{
    if (bits) {
        vector_u32 turned[VECTORS];
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
            turned[v] = (vector_u32)sums[v] ^ LOAD_U32(f->signs + LANES * v);
        store_bits(f, output, block_less_f32(turned, f->float_limits));
    } else {
        /* A copy, lest the sums themselves be kept in memory. */
        vector_f32 kept[VECTORS];
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
            kept[v] = sums[v];
        store_sums(f, output, kept);
    }
}

#endif
