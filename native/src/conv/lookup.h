/* Binary convolution by look-up: the index of its windows, and the order they are computed in. */
#ifndef BNNPLAN_CONV_LOOKUP_H
#define BNNPLAN_CONV_LOOKUP_H

#include "lookup/weights.h"

#include "core/split.h"

typedef struct bnn_binary_conv bnn_binary_conv;

/* Two neighbouring outputs are a pair, and so are the pixels that the same tap reads for them. The
 * index holds every pair of pixels that any window needs, once; if windows of neighbouring pairs
 * of outputs overlap, so do their parts of the index. */
typedef struct bnn_conv_lookup {
    const bnn_lookup_kernels *kernels;
    bnn_lookup_weights weights;
    uint16_t *least;         /* [classes][blocks][BNN_LOOKUP_BLOCK], for bits */
    bnn_pixel_pair *columns; /* of a row of the index, in words of a row of the band */
    size_t column_count;
    size_t row_entries; /* of the index */
    size_t row_step;    /* rows of the index from one row of outputs to the next */
    size_t reach;       /* rows of the index that a window spans */
    size_t pairs;       /* of a row of outputs */
    size_t tile_rows;   /* of outputs */
    size_t *starts;     /* [tile_rows][pairs] */
    size_t index_bytes, counts_bytes; /* of one thread */
    size_t bytes;                     /* of weights, limits and places */
} bnn_conv_lookup;

/* Everything but the weights themselves; false if memory is lacking. `kernels` is given. */
bool bnn_conv_lookup_create(bnn_binary_conv *conv);

/* Take over the limits of a convolution to bits. */
void bnn_conv_lookup_limits(bnn_binary_conv *conv);

/* A thread's part of one image, whose rows of outputs begin at `first` in the band. `memory` has
 * index_bytes + counts_bytes. */
void bnn_conv_lookup_run(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                         char *output, char *memory);

/* NULL is allowed. */
void bnn_conv_lookup_destroy(bnn_conv_lookup *lookup);

#endif
