#include "core/bits.h"
#include "core/memory.h"
#include "core/strip.h"
#include "input/conv.h"

static size_t output_bytes(const bnn_input_conv *conv)
{
    size_t filters = conv->geometry.shape.filters;
    return conv->to_bits ? bnn_words(filters) * sizeof(uint64_t) : filters * sizeof(int32_t);
}

/* One row of the product, one block of filters. */
static void run_block(const bnn_input_conv *conv, const char *windows, char *output, char *sums,
                      size_t block)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t group = block / conv->group_blocks;
    const size_t filter =
        group * conv->group_filters + block % conv->group_blocks * BNN_INPUT_BLOCK;
    const size_t left = (group + 1) * conv->group_filters - filter;
    const bool fused = conv->to_bits && !conv->loose, pooled = fused && conv->pool.is_on;
    char *to = conv->loose ? sums : output;
    const bnn_input_row row = {
        .windows = windows + group * conv->group_channels * conv->element_bytes,
        .window_step = s->stride_width * conv->pixel_bytes,
        .run_offsets = conv->run_offsets,
        .runs = conv->runs,
        .run_length = conv->run_length,
        .weights = (const char *)conv->weights + block * conv->block_bytes,
        .starts = conv->starts + block * BNN_INPUT_BLOCK,
        .limits = fused ? &conv->limits.limits : NULL,
        .filter = filter,
        .channels = left < BNN_INPUT_BLOCK ? left : BNN_INPUT_BLOCK,
        .outputs = conv->geometry.out_width,
        .output = pooled ? to + block % conv->unit * sizeof(uint32_t)
                         : to + (fused ? filter / 8 : filter * sizeof(int32_t)),
        .output_step = pooled        ? sizeof(uint64_t)
                       : conv->loose ? s->filters * sizeof(int32_t)
                                     : output_bytes(conv),
        .output_bytes = bnn_half_bytes(filter, s->filters),
    };
    conv->loop(&row);
    bnn_fused_scale_run(&conv->scale, row.output, row.outputs, filter, row.channels);
}

/* One row of the product: a block of filters, or all of them in loose groups. */
static void run_row(const bnn_input_conv *conv, const char *windows, char *output, char *sums,
                    size_t block)
{
    if (!conv->loose) {
        run_block(conv, windows, output, sums, block);
        return;
    }
    for (size_t each = 0; each < conv->blocks; each++)
        run_block(conv, windows, output, sums, each);
    conv->threshold_loop(&conv->limits.limits, sums, (uint64_t *)(void *)output,
                         conv->geometry.out_width);
}

/* One row of outputs, of one unit of blocks, from the rows of its windows, which stay in the
 * cache. */
static void run_pooled(const bnn_input_conv *conv, const char *windows, char *output,
                       uint64_t *rows, char *sums, size_t unit)
{
    const bnn_fused_pool *pool = &conv->pool;
    const size_t words = conv->loose ? bnn_words(conv->geometry.shape.filters) : 1;
    const size_t row_step = conv->geometry.shape.stride_height * conv->band_row_bytes;
    const size_t step = output_bytes(conv);
    const size_t end = (unit + 1) * conv->unit < conv->blocks ? (unit + 1) * conv->unit
                                                              : conv->blocks;
    for (size_t block = unit * conv->unit; block < end; block++)
        for (size_t i = 0; i < pool->height; i++)
            run_row(conv, windows + i * row_step,
                    (char *)(rows + i * pool->source_columns * words), sums, block);
    for (size_t word = unit; word < unit + words; word++)
        bnn_fused_pool_run(pool, rows + word - unit, words, word * BNN_WORD_BITS, 1,
                           output + word * sizeof *rows, step);
}

/* One row of pixels of the band. Signed bytes become unsigned ones, 128 more. */
static void copy_row(const void *context, const void *source, void *target)
{
    const bnn_input_conv *conv = context;
    if (conv->element != BNN_INT8) {
        memcpy(target, source, conv->row_bytes);
        return;
    }
    const uint8_t *from = source;
    uint8_t *to = target;
    for (size_t i = 0; i < conv->row_bytes; i++)
        to[i] = from[i] ^ 0x80;
}

/* The rows of one image that a thread computes, from the first one's windows. */
static void run_rows(const bnn_input_conv *conv, const bnn_part *part, const char *first,
                     char *output, uint64_t *pooled, char *sums)
{
    const bnn_fused_pool *pool = &conv->pool;
    const size_t row_step =
        conv->geometry.shape.stride_height * pool->stride_height * conv->band_row_bytes;
    const size_t output_row = pool->columns * output_bytes(conv);
    for (size_t y = part->y.begin; y < part->y.end; y++) {
        const char *windows = first + (y - part->y.begin) * row_step;
        char *to = output + y * output_row;
        for (size_t unit = part->z.begin; unit < part->z.end; unit++)
            if (pool->is_on)
                run_pooled(conv, windows, to, pooled, sums, unit);
            else
                run_row(conv, windows, to, sums, unit); /* of one block */
    }
}

void bnn_input_conv_run(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_input_conv *conv = (const bnn_input_conv *)kernel;
    const bnn_geometry *geometry = &conv->geometry;
    const bnn_convolution *s = &geometry->shape;
    const bnn_fused_pool *pool = &conv->pool;
    const bnn_part part =
        bnn_split_part(conv->split, call->thread, s->batch, pool->rows, conv->units);
    if (part.y.begin == part.y.end || part.z.begin == part.z.end)
        return;
    const bnn_band band = {
        .geometry = geometry,
        .pixel_bytes = conv->pixel_bytes,
        .row_bytes = conv->band_row_bytes,
        .padding = conv->padding,
        .source_row_bytes = conv->row_bytes,
        .copy_row = copy_row,
        .context = conv,
    };
    const size_t own = conv->band_bytes + conv->pool_bytes + conv->sum_bytes;
    char *memory = (char *)call->workspace + own * (size_t)call->thread;
    char *pooled = memory + conv->band_bytes;
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const char *image = (const char *)call->inputs[0] + n * s->height * conv->row_bytes;
        char *output = (char *)call->outputs[0] +
                       n * pool->rows * pool->columns * output_bytes(conv);
        bnn_part strip = part;
        for (size_t y = part.y.begin; y < part.y.end; y = strip.y.end) {
            strip.y = bnn_strip_at(part.y, y, conv->strip);
            const bnn_range rows = bnn_fused_pool_source(pool, strip.y);
            const char *first = image + rows.begin * s->stride_height * conv->row_bytes;
            if (!conv->in_place) {
                bnn_band_fill(&band, rows, image, memory);
                first = memory;
            }
            run_rows(conv, &strip, first, output, (uint64_t *)(void *)pooled,
                     pooled + conv->pool_bytes);
        }
    }
}
