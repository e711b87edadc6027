/* Where the windows of a convolution or pooling lie, and the padded band of input rows that a
 * thread reads them from.
 */
#ifndef BNNPLAN_CORE_GEOMETRY_H
#define BNNPLAN_CORE_GEOMETRY_H

#include "core/split.h"

#include <bnnplan/binary.h>
#include <stdbool.h>

typedef struct {
    bnn_convolution shape;
    size_t out_height, out_width;
    bool padded;
} bnn_geometry;

/* Check a shape, whoever it belongs to, and compute the extent of the output. */
bnn_status bnn_geometry_create(const bnn_convolution *shape, const char *owner,
                               bnn_geometry *geometry);

/* Of a sound shape. */
static inline size_t bnn_weight_count(const bnn_convolution *shape)
{
    return shape->filters * shape->kernel_height * shape->kernel_width *
           (shape->channels / shape->groups);
}

/* Rows of input, padding included, that `rows` rows of output read. */
size_t bnn_geometry_rows(const bnn_geometry *geometry, size_t rows);

/* The band: rows of input with their padding in place, every pixel of `pixel_bytes`. */
typedef struct {
    const bnn_geometry *geometry;
    size_t pixel_bytes; /* in the band */
    size_t row_bytes;   /* in the band */
    const void *padding; /* a whole band row of it */
    size_t source_row_bytes;
    /* Bring one row of the input into the form of the band. */
    void (*copy_row)(const void *context, const void *source, void *target);
    const void *context;
} bnn_band;

/* Fill a band for the given rows of output of one image. */
void bnn_band_fill(const bnn_band *band, bnn_range rows, const void *image, void *memory);

#endif
