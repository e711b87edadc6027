/* From mismatches to outputs; included once for each instruction set, after its less_*.h, BLOCK
 * (the most filters of a block) and a count(gemv, mismatches) that fills whole lanes. */
#include "core/bits.h"

static void sums(const bnn_gemv *gemv)
{
    int32_t mismatches[BLOCK];
    int32_t *to = gemv->output;
    count(gemv, mismatches);
    for (size_t f = 0; f < gemv->filters; f++)
        to[f] = gemv->limits[f] - 2 * mismatches[f];
}

static void bits(const bnn_gemv *gemv)
{
    int32_t mismatches[BLOCK];
    uint64_t *to = gemv->output;
    count(gemv, mismatches);
    for (size_t f = 0; f < gemv->filters; f += BNN_WORD_BITS) {
        uint64_t word = less_i32(gemv->limits + f, mismatches + f, BNN_HALF_BITS);
        if (f + BNN_HALF_BITS < gemv->filters)
            word |= (uint64_t)less_i32(gemv->limits + f + BNN_HALF_BITS, mismatches + f + BNN_HALF_BITS, BNN_HALF_BITS)
                    << BNN_HALF_BITS;
        *to++ = word;
    }
}
