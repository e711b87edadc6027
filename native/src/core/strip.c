#include "core/strip.h"

#include "core/memory.h"

enum {
    STRIP_BYTES = 16384, /* the rest of the first-level cache is for weights and sums */
    LEAST_REACHES = 3    /* neighbouring strips overlap by up to the reach of a window */
};

size_t bnn_strip_choose(const bnn_geometry *geometry, size_t rows, size_t step, size_t row_bytes)
{
    if (row_bytes == 0)
        return rows;
    const size_t reach = bnn_geometry_rows(geometry, 1);
    const size_t fitting = STRIP_BYTES / row_bytes, least = LEAST_REACHES * reach;
    const size_t kept = fitting < least ? least : fitting;
    const size_t most = (kept - reach) / (step * geometry->shape.stride_height) + 1;
    const size_t strips = (rows + most - 1) / most;
    return strips == 1 ? rows : bnn_round_up((rows + strips - 1) / strips, 2);
}
