/* Binary convolution by look-up: the index of its windows, and the order they are computed in. */
#ifndef BNNPLAN_CONV_LOOKUP_H
#define BNNPLAN_CONV_LOOKUP_H

#include "lookup/weights.h"

#include "core/split.h"

typedef struct bnn_binary_conv bnn_binary_conv;

/* Two neighbouring outputs are a pair, and so are the pixels that the same tap reads for them. The
 * index holds every pair of pixels that any window needs, once; if windows of neighbouring pairs
 * of outputs overlap, so do their parts of the index. In short rows of odd width the last outputs
 * of two rows are a pair, whose pixels follow those of the upper row in the index. */
typedef struct bnn_conv_lookup {
    const bnn_lookup_kernels *kernels;
    bnn_lookup_weights weights;
    uint16_t *least;         /* [classes][blocks][BNN_LOOKUP_BLOCK], for bits */
    bnn_pixel_pair *columns; /* of a row of the index, in words of a row of the band; then those
                                that pair down without a row below */
    size_t column_count;
    size_t down_columns; /* of them, those of pairs down */
    size_t row_entries; /* of the index */
    size_t row_step;    /* rows of the index from one row of outputs to the next */
    size_t reach;       /* rows of the index that a window spans */
    size_t pairs;       /* of a row of outputs, without those down */
    bool pairs_down;    /* whether the last outputs of two rows are a pair */
    size_t tile_rows;   /* of outputs; even with pairs down, unless all rows are one tile */
    size_t *starts;     /* of the pairs of a tile: with pairs down, each before those of its rows */
    size_t index_bytes, counts_bytes; /* of one thread */
    size_t bytes;                     /* of weights, limits and places */
} bnn_conv_lookup;

/* Pairs of so many rows of a tile. */
static inline size_t bnn_tile_pairs(const bnn_conv_lookup *lookup, size_t rows)
{
    return rows * lookup->pairs + (lookup->pairs_down ? (rows + 1) / 2 : 0);
}

/* The first pair of a row of a tile. */
static inline size_t bnn_first_pair(const bnn_conv_lookup *lookup, size_t row)
{
    return row * lookup->pairs + (lookup->pairs_down ? row / 2 + 1 : 0);
}

/* The pair that a row's last output belongs to. */
static inline size_t bnn_pair_down(const bnn_conv_lookup *lookup, size_t row)
{
    return bnn_tile_pairs(lookup, row / 2 * 2);
}

/* Everything but the weights themselves; false if memory is lacking. `kernels` is given. */
bool bnn_conv_lookup_create(bnn_binary_conv *conv);

/* Take over the limits of a convolution to bits. */
void bnn_conv_lookup_limits(bnn_binary_conv *conv);

/* A thread's part of one image, whose rows of outputs begin at `first` in the band. `pooled` has
 * room for the rows of a pooling window; `memory` has loose_words, and then index_bytes +
 * counts_bytes. */
void bnn_conv_lookup_run(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                         char *output, uint64_t *pooled, char *memory);

/* NULL is allowed. */
void bnn_conv_lookup_destroy(bnn_conv_lookup *lookup);

#endif
