/* Binary depthwise convolution: what its parts share. */
#ifndef BNNPLAN_CONV_DEPTHWISE_KERNEL_H
#define BNNPLAN_CONV_DEPTHWISE_KERNEL_H

#include "conv/border.h"
#include "fuse/pool.h"
#include "fuse/scale.h"

enum { BNN_MOST_PLANES = 16 };

typedef struct {
    bnn_kernel base;
    bnn_geometry geometry;
    bnn_split split;
    bool to_bits;
    bool in_place; /* windows are read from the input itself, without a band */
    size_t words;  /* of a pixel */
    size_t taps;
    size_t planes; /* of a count, and of a limit: taps + 1 fits */
    size_t row_words, band_words;
    size_t *offsets;   /* words from a window's start to each tap */
    uint64_t *weights; /* [taps][words] */
    uint64_t *padding; /* one band row */
    uint64_t *limits;  /* [classes][words][planes]: bit 1 from so many mismatches on */
    int32_t *full;     /* [classes][channels]: the sum without mismatches */
    bnn_border vertical, horizontal;
    size_t pool_words; /* of one thread: the rows of a pooling window */
    bnn_fused_pool pool;
    bnn_fused_scale scale;
} bnn_depthwise;

/* The kernel's run(). */
void bnn_depthwise_run(const bnn_kernel *kernel, const bnn_call *call);

#endif
