/* The inner kernel of first layers: neighbouring outputs times one block of channels.
 *
 * Bytes are unsigned and taken four at a time, weights packed [runs][quads][block][4]; other
 * numbers one at a time, weights packed [runs][numbers][block].
 */
#ifndef BNNPLAN_INPUT_ROWS_H
#define BNNPLAN_INPUT_ROWS_H

#include "threshold/threshold.h"

#include <bnnplan/isa.h>
#include <stdbool.h>

enum { BNN_INPUT_BLOCK = 32, BNN_QUAD = 4 };

typedef struct {
    const char *windows;       /* of the first output */
    size_t window_step;        /* bytes from one output's window to the next one's */
    const size_t *run_offsets; /* bytes from the start of a window to each of its runs */
    size_t runs;
    size_t run_length;         /* quads of bytes, or numbers */
    const void *weights;
    const int32_t *starts;     /* what integer sums of the block begin with */
    const bnn_limits *limits;  /* of all filters; NULL: sums are written */
    size_t filter;             /* the block's first, a multiple of the block where limits are */
    size_t channels;           /* 1 .. BNN_INPUT_BLOCK */
    size_t outputs;
    char *output;
    size_t output_step;        /* bytes */
    size_t output_bytes;       /* of bits: 4, or 8 with the upper half 0 */
} bnn_input_row;

typedef void (*bnn_input_loop)(const bnn_input_row *row);

typedef struct {
    bnn_input_loop bytes, int32, float32;
    int32_t excess; /* what every weight -1 adds too much to sums of bytes */
} bnn_input_loops;

extern const bnn_input_loops bnn_input_portable;
#if defined(__x86_64__)
extern const bnn_input_loops bnn_input_avx2;
extern const bnn_input_loops bnn_input_avx512bw;
extern const bnn_input_loops bnn_input_avx512;
#elif defined(__aarch64__) || defined(__arm__)
extern const bnn_input_loops bnn_input_neon;
#endif

const bnn_input_loops *bnn_input_select(bnn_isa isa);

#endif
