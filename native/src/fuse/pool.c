#include "fuse/pool.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"
#include "pool/word.h"

enum { CHUNK_BYTES = 8192 };

bnn_status bnn_fused_pool_create(bnn_fused_pool *pool, const bnn_pooling *window,
                                 const bnn_geometry *geometry, const char *owner)
{
    *pool = (bnn_fused_pool){
        .height = 1,
        .width = 1,
        .stride_height = 1,
        .stride_width = 1,
        .rows = geometry->out_height,
        .columns = geometry->out_width,
        .source_columns = geometry->out_width,
    };
    if (window->height == 0)
        return BNN_OK;
    if (window->height > geometry->out_height || window->width > geometry->out_width)
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "%s: a pooling window of %zu x %zu is larger than the %zu x %zu outputs",
                        owner, window->height, window->width, geometry->out_height,
                        geometry->out_width);
    pool->is_on = true;
    pool->height = window->height;
    pool->width = window->width;
    /* A single window never moves, whatever its stride: sizes stay those of the product. */
    pool->stride_height = bnn_smaller(window->stride_height, geometry->out_height);
    pool->stride_width = bnn_smaller(window->stride_width, geometry->out_width);
    pool->rows = (geometry->out_height - window->height) / pool->stride_height + 1;
    pool->columns = (geometry->out_width - window->width) / pool->stride_width + 1;
    const size_t filters = geometry->shape.filters;
    pool->minimum = bnn_allocate(bnn_fused_pool_bytes(pool, filters));
    if (pool->minimum == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for the pooling behind a %s", owner);
    for (size_t f = 0; window->minimum != NULL && f < filters; f++)
        pool->minimum[f / BNN_WORD_BITS] |= (uint64_t)(window->minimum[f] != 0)
                                            << f % BNN_WORD_BITS;
    return BNN_OK;
}

void bnn_fused_pool_destroy(bnn_fused_pool *pool)
{
    free(pool->minimum);
}

size_t bnn_fused_pool_bytes(const bnn_fused_pool *pool, size_t filters)
{
    /* A word may begin at any filter. */
    return pool->is_on ? (bnn_words(filters) + 1) * sizeof *pool->minimum : 0;
}

size_t bnn_fused_pool_chunk(const bnn_fused_pool *pool, size_t words)
{
    const size_t row = pool->stride_height * pool->source_columns * words * sizeof(uint64_t);
    const size_t rows = CHUNK_BYTES / row;
    return rows < 1 ? 1 : bnn_smaller(rows, pool->rows);
}

size_t bnn_fused_pool_words(const bnn_fused_pool *pool, size_t rows, size_t words)
{
    const size_t line = BNN_ALIGNMENT / sizeof(uint64_t);
    const size_t all = bnn_fused_pool_span(pool, rows) * pool->source_columns * words;
    return pool->is_on ? bnn_round_up(all, line) : 0;
}

/* Those of 64 filters from any one on. */
static uint64_t minimum_of(const bnn_fused_pool *pool, size_t filter)
{
    const uint64_t *words = pool->minimum + filter / BNN_WORD_BITS;
    const size_t shift = filter % BNN_WORD_BITS;
    return shift == 0 ? words[0] : words[0] >> shift | words[1] << (BNN_WORD_BITS - shift);
}

/* What the windows of a row have in common. */
typedef struct {
    const uint64_t *source;
    size_t row, pixel, across; /* words to the next row, pixel and window */
    size_t height, width, count;
    uint64_t minimum;
    char *output;
    size_t step;
} windows;

BNN_INLINE void pool_row(const windows w)
{
    for (size_t x = 0; x < w.count; x++) {
        const uint64_t word = bnn_pool_word(w.source + x * w.across, w.row, w.pixel, w.height,
                                            w.width, w.minimum);
        memcpy(w.output + x * w.step, &word, sizeof word);
    }
}

void bnn_fused_pool_run(const bnn_fused_pool *pool, const uint64_t *source, size_t words,
                        size_t filter, size_t rows, char *output, size_t step)
{
    windows w = {
        .source = source,
        .row = pool->source_columns * words,
        .pixel = words,
        .across = pool->stride_width * words,
        .height = pool->height,
        .width = pool->width,
        .count = pool->columns,
        .minimum = minimum_of(pool, filter),
        .output = output,
        .step = step,
    };
    const bool is_usual = w.height == 2 && w.width == 2 && w.pixel == 1 && w.across == 2;
    for (size_t y = 0; y < rows; y++) {
        if (is_usual) {
            /* With constants the loops over a window are unrolled. */
            w.height = w.width = w.across = 2;
            w.pixel = 1;
            pool_row(w);
        } else {
            pool_row(w);
        }
        w.source += pool->stride_height * w.row;
        w.output += pool->columns * step;
    }
}
