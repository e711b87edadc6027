/* Binary convolution: what its parts share. */
#ifndef BNNPLAN_CONV_CONV_H
#define BNNPLAN_CONV_CONV_H

#include "conv/border.h"
#include "core/limits.h"
#include "count/rows.h"
#include "core/bits.h"
#include "core/geometry.h"
#include "conv/lookup.h"

struct bnn_binary_conv {
    bnn_kernel base;
    bnn_geometry geometry;
    const bnn_row_kernels *rows;
    bnn_conv_lookup *lookup; /* NULL if bits are counted */
    size_t block;            /* filters computed together: of rows, or of look-up */
    bnn_split split;
    bool to_bits;
    bool in_place; /* windows are read from the input itself, without a band */
    bool loose;    /* groups do not end at whole blocks: bits are packed after the sums */

    size_t group_channels, group_filters;
    size_t group_words; /* of one pixel and group in the band */
    bool regroups;      /* groups start inside words of the input, but at words of the band */
    size_t blocks;      /* of all groups */
    size_t group_blocks;
    size_t words;       /* of a window in one group */
    size_t run_words;
    size_t runs;
    size_t *run_offsets;
    size_t row_words;   /* of a band row */
    size_t band_words;  /* of one thread */
    size_t sums;        /* int32 of one thread that loose groups need */

    uint64_t *weights;      /* [blocks][words][width of the block]; by look-up NULL once packed */
    size_t block_words;     /* from block to block */
    uint64_t *padding;      /* one band row of padding */
    int32_t *limits;        /* [classes][blocks][block]; loose: [classes][filters] */
    size_t limit_step;      /* from class to class */
    uint16_t *classes;      /* [row classes][out_width] */
    bnn_border vertical, horizontal;
};

static inline size_t bnn_conv_output_bytes(const bnn_binary_conv *conv)
{
    size_t filters = conv->geometry.shape.filters;
    return conv->to_bits ? bnn_words(filters) * sizeof(uint64_t) : filters * sizeof(int32_t);
}

/* Border classes of a row of outputs. */
static inline const uint16_t *bnn_conv_classes(const bnn_binary_conv *conv, size_t row)
{
    return conv->classes + conv->vertical.of[row] * conv->geometry.out_width;
}

/* Fill weights and limits from the user's arrays. */
void bnn_binary_conv_pack(bnn_binary_conv *conv, int pad_value, const int8_t *weights,
                          const int32_t *thresholds, const uint8_t *flips);

/* The kernel's run(). */
void bnn_binary_conv_run(const bnn_kernel *kernel, const bnn_call *call);

#endif
