/* First layers: what their parts share. */
#ifndef BNNPLAN_INPUT_CONV_H
#define BNNPLAN_INPUT_CONV_H

#include "threshold/limits.h"
#include "core/geometry.h"
#include "fuse/pool.h"
#include "fuse/scale.h"
#include "input/rows.h"

typedef struct {
    bnn_kernel base;
    bnn_geometry geometry;
    bnn_element element;
    bnn_input_loop loop;
    bnn_threshold_loop threshold_loop; /* of the sums of loose groups */
    bnn_split split;
    size_t strip; /* most rows of output of an image that a thread computes at once */
    bool to_bits;
    bool in_place; /* windows are read from the input itself, without a band */
    bool loose;    /* groups do not end at whole blocks: bits are packed after the sums */

    size_t element_bytes;
    size_t group_channels, group_filters;
    size_t blocks; /* of all groups */
    size_t unit, units; /* blocks that a thread computes together: pooling takes whole words */
    size_t group_blocks;
    size_t runs;
    size_t run_numbers; /* of a run; weights may pad it to quads */
    size_t run_length;  /* as bnn_input_row counts it */
    size_t *run_offsets;
    size_t pixel_bytes, row_bytes; /* of the input, and of the band */
    size_t band_row_bytes;
    size_t band_bytes; /* of one thread */
    size_t pool_bytes; /* of one thread: the rows of a pooling window */
    size_t sum_bytes;  /* of one thread, for loose groups */
    bnn_fused_pool pool;
    bnn_fused_scale scale;

    void *weights;
    size_t block_bytes;
    int32_t *starts; /* [blocks][BNN_INPUT_BLOCK] */
    void *padding;   /* one band row of it */
    bnn_own_limits limits;
} bnn_input_conv;

/* The kernel's run(). */
void bnn_input_conv_run(const bnn_kernel *kernel, const bnn_call *call);

#endif
