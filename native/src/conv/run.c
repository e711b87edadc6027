#include "conv/conv.h"

#include "core/memory.h"
#include "core/strip.h"

/* One row of outputs of one image, or of the product that is pooled. */
typedef struct {
    const uint64_t *windows; /* where the row's first output begins, group 0 */
    char *output;            /* of the row's first output */
    size_t row;
    uint64_t *bits; /* of a block of loose groups: a word an output */
} place;

static void run_block(const bnn_binary_conv *conv, const place *at, size_t block)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t group = block / conv->group_blocks;
    const size_t filter =
        group * conv->group_filters + block % conv->group_blocks * BNN_BLOCK;
    const size_t left = (group + 1) * conv->group_filters - filter;
    bnn_row row = {
        .windows = at->windows + group * conv->group_words,
        .window_step = s->stride_width * conv->group_words * conv->groups,
        .run_offsets = conv->run_offsets,
        .runs = conv->runs,
        .run_words = conv->run_words,
        .weights = conv->weights + block * conv->block_words,
        .limits = conv->limits + block * BNN_BLOCK,
        .limit_step = conv->limit_step,
        .classes = bnn_conv_classes(conv, at->row),
        .outputs = conv->geometry.out_width,
        .channels = left < BNN_BLOCK ? left : BNN_BLOCK,
        .output_step = bnn_conv_output_bytes(conv),
    };
    if (conv->loose) {
        row.output = at->bits;
        row.output_step = row.output_bytes = sizeof(uint64_t);
        conv->rows->bits(&row);
        bnn_conv_place_bits(conv, at->bits, row.outputs, filter, row.channels, at->output);
    } else if (!conv->to_bits) {
        row.output = at->output + filter * sizeof(int32_t);
        conv->rows->sums(&row);
        bnn_fused_scale_run(&conv->scale, row.output, row.outputs, filter, row.channels);
    } else if (conv->pool.is_on) {
        row.output = at->output + block % conv->unit * sizeof(uint32_t);
        row.output_step = sizeof(uint64_t);
        row.output_bytes = bnn_half_bytes(filter, s->filters);
        conv->rows->bits(&row);
    } else {
        row.output = at->output + filter / 8;
        row.output_bytes = bnn_half_bytes(filter, s->filters);
        conv->rows->bits(&row);
    }
}

/* One row of the product: a block of filters, or all of them in loose groups. */
static void run_row(const bnn_binary_conv *conv, const place *at, size_t block)
{
    if (!conv->loose) {
        run_block(conv, at, block);
        return;
    }
    memset(at->output, 0, conv->geometry.out_width * bnn_conv_output_bytes(conv));
    for (size_t each = 0; each < conv->blocks; each++)
        run_block(conv, at, each);
}

/* The rows of one image, all blocks of a thread; weights of a block stay in the cache. */
static void run_rows(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                     char *output, uint64_t *bits)
{
    const size_t row_step = conv->row_words * conv->geometry.shape.stride_height;
    const size_t output_row = conv->geometry.out_width * bnn_conv_output_bytes(conv);
    /* Threads with other blocks of the same rows write to the same cache lines: each begins at
     * another row. */
    const size_t rows = part->y.end - part->y.begin;
    const size_t start = rows * part->z.begin / conv->units;
    for (size_t block = part->z.begin; block < part->z.end; block++)
        for (size_t i = 0; i < rows; i++) {
            const size_t within = (start + i) % rows, y = part->y.begin + within;
            const place at = {first + within * row_step, output + y * output_row, y, bits};
            run_row(conv, &at, block);
        }
}

/* The windows of some rows of output, of one unit of blocks, into `pooled`. */
static void run_windows(const bnn_binary_conv *conv, size_t unit, bnn_range rows,
                        const uint64_t *first, uint64_t *pooled, uint64_t *bits)
{
    const bnn_fused_pool *pool = &conv->pool;
    const bnn_range source = bnn_fused_pool_source(pool, rows);
    const size_t row_step = conv->row_words * conv->geometry.shape.stride_height;
    const size_t row_words = pool->source_columns * bnn_conv_pooled_words(conv);
    const size_t end = (unit + 1) * conv->unit < conv->blocks ? (unit + 1) * conv->unit
                                                              : conv->blocks;
    for (size_t block = unit * conv->unit; block < end; block++)
        for (size_t y = source.begin; y < source.end; y++) {
            const size_t within = y - source.begin;
            const place at = {first + within * row_step, (char *)(pooled + within * row_words), y,
                              bits};
            if (y % pool->stride_height < pool->height) /* or between two windows */
                run_row(conv, &at, block);
        }
}

/* As run_rows(), some rows of pooled outputs at a time. */
static void run_pooled(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                       char *output, uint64_t *pooled, uint64_t *bits)
{
    const bnn_fused_pool *pool = &conv->pool;
    const size_t words = bnn_conv_pooled_words(conv), step = bnn_conv_output_bytes(conv);
    const size_t chunk = bnn_fused_pool_chunk(pool, words);
    const size_t row_step =
        conv->row_words * conv->geometry.shape.stride_height * pool->stride_height;
    for (size_t unit = part->z.begin; unit < part->z.end; unit++)
        for (size_t y = part->y.begin; y < part->y.end; y += chunk) {
            const bnn_range rows = {y, part->y.end - y < chunk ? part->y.end : y + chunk};
            run_windows(conv, unit, rows, first + (y - part->y.begin) * row_step, pooled, bits);
            for (size_t w = 0; w < words; w++) {
                const size_t word = unit + w;
                bnn_fused_pool_run(pool, pooled + w, words, word * BNN_WORD_BITS,
                                   rows.end - rows.begin,
                                   output + y * pool->columns * step + word * sizeof(uint64_t),
                                   step);
            }
        }
}

/* One row of pixels with every group at the start of a word. */
static void copy_row(const void *context, const void *source, void *target)
{
    const bnn_binary_conv *conv = context;
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t words = bnn_words(s->channels);
    if (!conv->regroups) {
        memcpy(target, source, s->width * words * sizeof(uint64_t));
        return;
    }
    const uint64_t *from = source;
    uint64_t *to = target;
    for (size_t x = 0; x < s->width; x++, from += words)
        for (size_t g = 0; g < conv->groups; g++, to += conv->group_words)
            bnn_copy_bits(from, g * conv->group_channels, conv->group_channels, to);
}

void bnn_binary_conv_run(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_binary_conv *conv = (const bnn_binary_conv *)kernel;
    const bnn_geometry *geometry = &conv->geometry;
    const bnn_convolution *s = &geometry->shape;
    const bnn_fused_pool *pool = &conv->pool;
    const bnn_part part =
        bnn_split_part(conv->split, call->thread, s->batch, pool->rows, conv->units);
    if (part.y.begin == part.y.end || part.z.begin == part.z.end)
        return;
    const size_t source_row = s->width * bnn_words(s->channels);
    const bnn_band band = {
        .geometry = geometry,
        .pixel_bytes = conv->group_words * conv->groups * sizeof(uint64_t),
        .row_bytes = conv->row_words * sizeof(uint64_t),
        .padding = conv->padding,
        .source_row_bytes = source_row * sizeof(uint64_t),
        .copy_row = copy_row,
        .context = conv,
    };
    const size_t own = kernel->workspace_bytes / (size_t)kernel->threads;
    uint64_t *memory = (uint64_t *)(void *)((char *)call->workspace + own * (size_t)call->thread);
    uint64_t *pooled = memory + conv->band_words, *rest = pooled + conv->pool_words;
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const uint64_t *image = (const uint64_t *)call->inputs[0] + n * s->height * source_row;
        char *output = (char *)call->outputs[0] +
                       n * pool->rows * pool->columns * bnn_conv_output_bytes(conv);
        bnn_part strip = part;
        for (size_t y = part.y.begin; y < part.y.end; y = strip.y.end) {
            strip.y = bnn_strip_at(part.y, y, conv->strip);
            const bnn_range rows = bnn_fused_pool_source(pool, strip.y);
            const uint64_t *first = image + rows.begin * s->stride_height * source_row;
            if (!conv->in_place) {
                bnn_band_fill(&band, rows, image, memory);
                first = memory;
            }
            if (conv->lookup != NULL)
                bnn_conv_lookup_run(conv, &strip, first, output, pooled, (char *)rest);
            else if (pool->is_on)
                run_pooled(conv, &strip, first, output, pooled, rest);
            else
                run_rows(conv, &strip, first, output, rest);
        }
    }
}
