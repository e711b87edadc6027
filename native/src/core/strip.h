/* Strips: the rows of output that a thread computes at once. What it keeps for their windows then
 * stays in the first-level cache, and does not grow with the image.
 */
#ifndef BNNPLAN_CORE_STRIP_H
#define BNNPLAN_CORE_STRIP_H

#include "core/geometry.h"

/* Most rows of a strip, of `rows` in all that are `step` rows of windows apart; `row_bytes` are
 * kept of each row of the padded input. Even, unless all rows are one strip: pairs of rows stay
 * together. */
size_t bnn_strip_choose(const bnn_geometry *geometry, size_t rows, size_t step, size_t row_bytes);

/* The strip of some rows that begins at `begin`. */
static inline bnn_range bnn_strip_at(bnn_range rows, size_t begin, size_t most)
{
    return (bnn_range){begin, rows.end - begin < most ? rows.end : begin + most};
}

#endif
