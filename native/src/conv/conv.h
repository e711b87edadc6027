/* Binary convolution: what its parts share. */
#ifndef BNNPLAN_CONV_CONV_H
#define BNNPLAN_CONV_CONV_H

#include "conv/border.h"
#include "core/limits.h"
#include "count/rows.h"
#include "core/bits.h"
#include "core/geometry.h"
#include "conv/lookup.h"
#include "fuse/pool.h"
#include "fuse/scale.h"

struct bnn_binary_conv {
    bnn_kernel base;
    bnn_geometry geometry;
    const bnn_row_kernels *rows;
    bnn_conv_lookup *lookup; /* NULL if bits are counted */
    size_t block;            /* filters computed together: of rows, or of look-up */
    bnn_split split;
    size_t strip; /* most rows of output of an image that a thread computes at once */
    bool to_bits;
    bool in_place; /* windows are read from the input itself, without a band */
    bool loose;    /* groups do not end at whole blocks: their bits are shifted into place */

    /* Groups are those that are computed; by look-up, each may be several of the shape's. */
    size_t groups, merged;
    size_t group_channels, group_filters;
    size_t group_words; /* of one pixel and group in the band */
    bool regroups;      /* groups start inside words of the input, but at words of the band */
    size_t blocks;      /* of all groups */
    size_t unit, units; /* blocks that a thread computes together: pooling takes whole words */
    size_t group_blocks;
    size_t words;       /* of a window in one group */
    size_t run_words;
    size_t runs;
    size_t *run_offsets;
    size_t row_words;   /* of a band row */
    size_t band_words;  /* of one thread */
    size_t pool_words;  /* of one thread: the windows of some rows of pooled outputs */
    size_t loose_words; /* of one thread: a row of a block of loose groups */
    bnn_fused_pool pool;
    bnn_fused_scale scale;

    uint64_t *weights;      /* [blocks][words][width of the block]; by look-up NULL once packed */
    size_t block_words;     /* from block to block */
    uint64_t *padding;      /* one band row of padding */
    int32_t *limits;        /* [classes][blocks][block] */
    size_t limit_step;      /* from class to class */
    uint16_t *classes;      /* [row classes][out_width] */
    bnn_border vertical, horizontal;
};

/* Of a pixel. */
static inline size_t bnn_conv_output_bytes(const bnn_binary_conv *conv)
{
    size_t filters = conv->geometry.shape.filters;
    return conv->to_bits ? bnn_words(filters) * sizeof(uint64_t) : filters * sizeof(int32_t);
}

/* Words of a pixel that are pooled at once: one, or all of loose groups. */
static inline size_t bnn_conv_pooled_words(const bnn_binary_conv *conv)
{
    return conv->loose ? bnn_words(conv->geometry.shape.filters) : 1;
}

/* Shift the bits of some filters of neighbouring outputs into place, where they are 0. */
static inline void bnn_conv_place_bits(const bnn_binary_conv *conv, const uint64_t *bits,
                                       size_t outputs, size_t filter, size_t filters, char *to)
{
    for (size_t x = 0; x < outputs; x++, to += bnn_conv_output_bytes(conv))
        bnn_or_bits((uint64_t *)(void *)to, filter, filters, bits[x]);
}

/* Most rows of the product that a thread computes of an image at once. */
static inline size_t bnn_conv_most_rows(const bnn_binary_conv *conv)
{
    return bnn_fused_pool_span(&conv->pool, conv->strip);
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
