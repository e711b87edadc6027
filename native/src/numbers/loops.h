/* The inner loops, compiled once for every instruction set, and the table that holds them.
 *
 * A loop works on one run: what a thread has to do, cut so that elements lie side by side.
 */
#ifndef BNNPLAN_NUMBERS_LOOPS_H
#define BNNPLAN_NUMBERS_LOOPS_H

#include "bnnplan/numbers.h"

enum { BNN_ELEMENTS = 5, BNN_ROUNDINGS = 4 };

/* Rows of `count` elements, `stride` elements apart (rows of bits: `words` 64-bit words apart).
 * The parameters belong to the elements of a row and are the same for all rows. */
typedef struct {
    const void *inputs[2];
    void *output;
    const float *first;  /* scale, slope, thresholds, or what a bit 0 becomes */
    const float *second; /* bias, zero, or what a bit 1 becomes */
    int64_t pitch;       /* floats from one row of parameters to the next, for several steps */
    int64_t steps;
    float low; /* or the scale of MultiThreshold */
    float high; /* or its bias */
    int64_t rows;
    int64_t count;
    int64_t stride;
    int64_t words;
} bnn_run;

typedef void (*bnn_map_loop)(const bnn_run *run);

/* Neighbouring windows of a row of a pooling, all with the same taps inside the input, and `count`
 * of their channels. Strides are in elements. */
typedef struct {
    const void *input; /* the first tap of the first window */
    void *output;
    const uint8_t *minimum; /* may be NULL */
    int64_t windows;
    int64_t window_stride;
    int64_t rows;
    int64_t columns;
    int64_t row_stride;
    int64_t column_stride;
    int64_t channels; /* of a pixel */
    int64_t count;
    float divisor;
} bnn_pool_row;

typedef void (*bnn_pool_loop)(const bnn_pool_row *row);

enum {
    BNN_CONV_VECTORS = 8,    /* most of a block of filters */
    BNN_DEPTHWISE_LANES = 16 /* channels of a block: a cache line */
};

/* A float convolution, packed: weight is [block][kernel row][kernel column][input][lane], a block
 * being some vectors of filters of one group; bias is [block][lane]. A depthwise one is one group
 * in blocks of BNN_DEPTHWISE_LANES, with one input. */
typedef struct {
    int64_t height, width, channels;
    int64_t windows[2]; /* output height and width */
    int64_t kernel[2], strides[2], dilations[2], pads[2];
    int64_t filters;
    int64_t groups;
    int64_t inputs;      /* channels of a group */
    int64_t blocks;      /* of a group */
    int64_t group_lanes; /* of all blocks of a group */
    int vectors;         /* of a block */
    int last_vectors;    /* of the last block of a group */
    const float *weight;
    const float *bias;
} bnn_conv;

/* Compute one block of filters for windows [first, last) of one output row of one image. */
typedef void (*bnn_conv_row)(const bnn_conv *conv, const float *image, float *output,
                             int64_t block, int64_t row, int64_t first, int64_t last);

typedef struct {
    int lanes;        /* floats of a vector */
    int tile_vectors; /* accumulators of a tile */
    bnn_map_loop scale_bias[BNN_ELEMENTS];
    bnn_map_loop scale_in_place[BNN_ELEMENTS]; /* int32 or float32 become float32 in the output */
    bnn_map_loop multi_threshold[BNN_ELEMENTS];
    bnn_map_loop quantize[BNN_ROUNDINGS];
    bnn_map_loop add[BNN_ELEMENTS];
    bnn_map_loop prelu;
    bnn_map_loop clip;
    bnn_pool_loop max_pool[BNN_ELEMENTS];
    bnn_pool_loop average_pool[BNN_ELEMENTS];
    bnn_conv_row conv;
    bnn_conv_row depthwise;
} bnn_loops;

extern const bnn_loops bnn_loops_portable;
extern const bnn_loops bnn_loops_avx2;
extern const bnn_loops bnn_loops_avx512bw;

/* Check an execution and give the loops of its instruction set. */
bnn_status bnn_loops_choose(const bnn_execution *execution, const bnn_loops **loops);

#endif
