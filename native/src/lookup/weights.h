/* Weights, a nibble a byte, and the segments that windows are walked in. */
#ifndef BNNPLAN_LOOKUP_WEIGHTS_H
#define BNNPLAN_LOOKUP_WEIGHTS_H

#include "lookup/product.h"

typedef struct {
    size_t runs;       /* pieces of a window that are consecutive in the index */
    size_t run_taps;   /* pixels of a run */
    size_t tap_groups; /* of a pixel */
    size_t run_groups; /* as packed */
    bnn_lookup_segment *segments;
    size_t segment_count;
    uint8_t *nibbles; /* [blocks][runs][run_groups][width of the block] */
    size_t block_bytes;
    size_t bytes; /* of everything */
} bnn_lookup_weights;

/* Nothing but NO_WEIGHT. Of `weights`, runs, run_taps and tap_groups are given; run_offsets are in
 * the index; `most` are the filters of the largest of the blocks. False if memory is lacking; then,
 * too, it is to be destroyed. */
bool bnn_lookup_weights_create(bnn_lookup_weights *weights, const size_t *run_offsets,
                               size_t blocks, size_t most);

/* The filter of a lane of a block, from bits packed a word or more a pixel. It reads the `part`-th
 * of `parts` equal parts of the channels of a pixel, whole groups of them if there are several. */
void bnn_lookup_weights_put(const bnn_lookup_weights *weights, size_t block, size_t filters,
                            size_t lane, size_t part, size_t parts, const uint64_t *words);

void bnn_lookup_weights_destroy(bnn_lookup_weights *weights);

#endif
