/* Scales and biases behind the product whose sums they make floats: in place, as soon as a row of
 * sums is written. */
#ifndef BNNPLAN_FUSE_SCALE_H
#define BNNPLAN_FUSE_SCALE_H

#include "numbers/loops.h"

#include <bnnplan/binary.h>
#include <stdbool.h>

typedef struct {
    bnn_map_loop loop; /* NULL: nothing is scaled */
    size_t filters;
    float *scales, *biases; /* one block of memory */
} bnn_fused_scale;

/* `fusion` and `execution` are checked; sums are of type `sums`: int32 or float32. False if memory
 * is lacking. */
bool bnn_fused_scale_create(bnn_fused_scale *scale, const bnn_fusion *fusion, size_t filters,
                            bnn_element sums, const bnn_execution *execution);

void bnn_fused_scale_destroy(bnn_fused_scale *scale);

/* Bytes of parameters. */
size_t bnn_fused_scale_bytes(const bnn_fused_scale *scale);

/* Scale the sums of some pixels: `count` filters from `filter` on, which `sums` points to. Does
 * nothing without scales. */
void bnn_fused_scale_run(const bnn_fused_scale *scale, void *sums, size_t pixels, size_t filter,
                         size_t count);

#endif
