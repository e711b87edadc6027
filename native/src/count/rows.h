/* The inner kernel of binary products: neighbouring outputs times one block of channels.
 *
 * An output's window is a number of runs of consecutive words. Weights are packed
 * [runs * run_words][channels rounded up to BNN_LANES], so that one vector holds the same word
 * of several channels, and an activation word is broadcast against it.
 */
#ifndef BNNPLAN_COUNT_ROWS_H
#define BNNPLAN_COUNT_ROWS_H

#include <bnnplan/isa.h>
#include <stdbool.h>

enum {
    BNN_LANES = 8, /* channels are padded to a multiple of it */
    BNN_BLOCK = 32 /* most channels of one call: half a word of output bits */
};

typedef struct {
    const uint64_t *windows;   /* first word of the first output's window */
    size_t window_step;        /* words from one output's window to the next one's */
    const size_t *run_offsets; /* words from the start of a window to each of its runs */
    size_t runs;
    size_t run_words;
    const uint64_t *weights;
    /* Of each border class, for each of the block's channels: the sum without mismatches, or the
     * most mismatches that still give bit 0. */
    const int32_t *limits;
    size_t limit_step;       /* from one class to the next */
    const uint16_t *classes; /* of each output */
    size_t outputs;
    size_t channels; /* 1 .. BNN_BLOCK; what is written of sums */
    void *output;
    size_t output_step;  /* bytes from one output to the next */
    size_t output_bytes; /* of bits: 4, or 8 with the upper half 0 */
} bnn_row;

typedef struct {
    void (*sums)(const bnn_row *row); /* limits - 2 * mismatches, int32 */
    void (*bits)(const bnn_row *row); /* mismatches > limits, a bit a channel */
} bnn_row_kernels;

extern const bnn_row_kernels bnn_rows_portable;
#if defined(__x86_64__)
extern const bnn_row_kernels bnn_rows_avx2;
extern const bnn_row_kernels bnn_rows_avx512bw;
extern const bnn_row_kernels bnn_rows_avx512;
#elif defined(__aarch64__) || defined(__arm__)
extern const bnn_row_kernels bnn_rows_neon;
#endif

const bnn_row_kernels *bnn_rows_select(bnn_isa isa);

/* Channels of a block as the weights are packed. */
static inline size_t bnn_row_width(size_t channels)
{
    return (channels + BNN_LANES - 1) / BNN_LANES * BNN_LANES;
}

#endif
