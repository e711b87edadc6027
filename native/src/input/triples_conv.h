/* First layers of triples: what their parts share. */
#ifndef BNNPLAN_INPUT_TRIPLES_CONV_H
#define BNNPLAN_INPUT_TRIPLES_CONV_H

#include "core/geometry.h"
#include "fuse/pool.h"
#include "fuse/scale.h"
#include "input/triples.h"

enum { BNN_TRIPLE_KINDS = 2 }; /* of tables: of whole triples, and of what a run leaves */

typedef struct {
    bnn_kernel base;
    bnn_geometry geometry;
    const bnn_triple_loops *loops;
    bnn_split split;
    bool to_bits;
    bool is_signed;

    size_t blocks;
    size_t unit;        /* blocks that are not shared out: pooling takes whole words */
    size_t units;
    size_t run;         /* numbers of a run: taps that lie side by side in the input */
    size_t run_triples;
    size_t triples;     /* of a window */
    size_t row_triples; /* of a row of its taps */
    size_t *offsets;    /* [row_triples]: from a window's first table to those of a row of taps */

    /* The tables of one row of pixels: one after the other, of each kind. */
    bnn_triple_recipe recipes[BNN_TRIPLE_KINDS];
    bool wanted[BNN_TRIPLE_KINDS];
    size_t tables; /* of one kind */
    size_t tables_bytes;
    size_t table_step; /* bytes from one output's tables to the next one's */
    size_t ring;       /* rows whose tables are kept: those that a window reaches */

    size_t pixel_bytes, row_bytes; /* of the input */
    size_t padded_bytes;           /* of a row with its padding and what is read after it */
    size_t offsets_bytes;
    size_t chunk;        /* pooled rows that are computed at once */
    size_t pool_bytes;   /* their pooling windows, one word of filters after the other */
    size_t thread_bytes; /* of all these, and of the tables */

    uint8_t *indices; /* [blocks][triples][block] pairs */
    int16_t *limits;  /* [blocks][block], in lanes */
    int32_t *starts;  /* [blocks][block] */
    bnn_fused_pool pool;
    bnn_fused_scale scale;
} bnn_triple_conv;

/* A first layer that bnn_triples_select() has loops for; see bnn_input_conv_create(). It takes
 * possession of the pool. */
bnn_status bnn_triple_conv_create(const bnn_geometry *geometry, bnn_element element,
                                  const int8_t *weights, const bnn_fusion *fusion,
                                  bnn_fused_pool *pool, const bnn_execution *execution,
                                  const bnn_triple_loops *loops, bnn_kernel **kernel);

/* The kernel's run(). */
void bnn_triple_conv_run(const bnn_kernel *kernel, const bnn_call *call);

#endif
