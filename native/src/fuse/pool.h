/* Pooling of bits behind the product that makes them. A thread computes the bits of some windows
 * into memory that stays in the first-level cache, and writes the pooled ones only.
 */
#ifndef BNNPLAN_FUSE_POOL_H
#define BNNPLAN_FUSE_POOL_H

#include "core/geometry.h"

/* Without pooling, windows of one tap that move by one. */
typedef struct {
    bool is_on;
    size_t height, width, stride_height, stride_width;
    size_t rows, columns;  /* of the output */
    size_t source_columns; /* of the product */
    uint64_t *minimum;     /* a bit a filter */
} bnn_fused_pool;

/* `window` is checked. Fails if not even one window fits, or if memory is lacking. */
bnn_status bnn_fused_pool_create(bnn_fused_pool *pool, const bnn_pooling *window,
                                 const bnn_geometry *geometry, const char *owner);

void bnn_fused_pool_destroy(bnn_fused_pool *pool);

/* Bytes of parameters. */
size_t bnn_fused_pool_bytes(const bnn_fused_pool *pool, size_t filters);

/* Rows of output, at least 1, that are computed at once: their windows take a part of the cache
 * only. `words` are those of a pixel. */
size_t bnn_fused_pool_chunk(const bnn_fused_pool *pool, size_t words);

/* Words of the windows of `rows` rows of output, in whole cache lines; none without pooling. */
size_t bnn_fused_pool_words(const bnn_fused_pool *pool, size_t rows, size_t words);

/* Number of rows of the product that `rows` consecutive rows of output span. */
static inline size_t bnn_fused_pool_span(const bnn_fused_pool *pool, size_t rows)
{
    return (rows - 1) * pool->stride_height + pool->height;
}

/* Rows of the product that some rows of output span. */
static inline bnn_range bnn_fused_pool_source(const bnn_fused_pool *pool, bnn_range rows)
{
    const size_t begin = rows.begin * pool->stride_height;
    return (bnn_range){begin, begin + bnn_fused_pool_span(pool, rows.end - rows.begin)};
}

/* One word of filters, of which `filter` is the first, of some rows of output: from their windows,
 * whose pixels are `words` words apart, to outputs that are `step` bytes apart. */
void bnn_fused_pool_run(const bnn_fused_pool *pool, const uint64_t *source, size_t words,
                        size_t filter, size_t rows, char *output, size_t step);

#endif
