#include "input/triples_conv.h"

#include "core/bits.h"
#include "core/memory.h"

enum { SIGN = 0x80 };

/* What one thread works with. */
typedef struct {
    const bnn_triple_conv *conv;
    const uint8_t *image;
    char *tables;    /* [ring] rows */
    uint8_t *padded; /* one row of pixels, its padding in place */
    size_t *offsets; /* from the first output's tables to all of a window */
    char *pooled;    /* [words of filters] rows of pooling windows, a word a pixel */
    size_t made;     /* rows of the padded image up to here have their tables */
} scratch;

static scratch scratch_of(const bnn_triple_conv *conv, const bnn_call *call)
{
    char *memory = (char *)call->workspace + conv->thread_bytes * (size_t)call->thread;
    char *padded = memory + conv->ring * conv->tables_bytes;
    char *offsets = padded + conv->padded_bytes;
    const scratch at = {
        .conv = conv,
        .tables = memory,
        .padded = (uint8_t *)padded,
        .offsets = (size_t *)(void *)offsets,
        .pooled = offsets + conv->offsets_bytes,
    };
    /* What is read after a row is in no sum, but must have been written. */
    memset(at.padded, conv->is_signed ? SIGN : 0, conv->padded_bytes);
    return at;
}

/* The pixels of one row between the pads; signed bytes become unsigned ones, 128 more. */
static void copy_pixels(const scratch *at, const uint8_t *from)
{
    const bnn_triple_conv *conv = at->conv;
    uint8_t *to = at->padded + conv->geometry.shape.pad_left * conv->pixel_bytes;
    if (!conv->is_signed)
        memcpy(to, from, conv->row_bytes);
    else
        for (size_t i = 0; i < conv->row_bytes; i++)
            to[i] = from[i] ^ SIGN;
}

/* The tables of row `row` of the padded image. */
static void make_tables(const scratch *at, size_t row)
{
    const bnn_triple_conv *conv = at->conv;
    const bnn_convolution *s = &conv->geometry.shape;
    char *to = at->tables + row % conv->ring * conv->tables_bytes;
    uint8_t *pixels = at->padded + s->pad_left * conv->pixel_bytes;
    if (row >= s->pad_top && row < s->pad_top + s->height)
        copy_pixels(at, at->image + (row - s->pad_top) * conv->row_bytes);
    else
        memset(pixels, conv->is_signed ? SIGN : 0, conv->row_bytes);
    for (int kind = 0; kind < BNN_TRIPLE_KINDS; kind++, to += conv->tables * BNN_TABLE_BYTES)
        if (conv->wanted[kind])
            conv->loops->tables(&conv->recipes[kind], at->padded, conv->tables, to);
}

/* Where the tables of windows lie whose first row of taps is `row`. */
static void find_tables(const scratch *at, size_t row)
{
    const bnn_triple_conv *conv = at->conv;
    const bnn_convolution *s = &conv->geometry.shape;
    size_t place = row % conv->ring, *to = at->offsets;
    for (size_t y = 0; y < s->kernel_height; y++) {
        for (size_t t = 0; t < conv->row_triples; t++)
            *to++ = place * conv->tables_bytes + conv->offsets[t];
        place += s->dilation_height;
        if (place >= conv->ring)
            place -= conv->ring;
    }
}

static size_t output_bytes(const bnn_triple_conv *conv)
{
    const size_t filters = conv->geometry.shape.filters;
    return conv->to_bits ? bnn_words(filters) * sizeof(uint64_t) : filters * sizeof(int32_t);
}

static char *pooled_rows(const scratch *at, size_t unit)
{
    return at->pooled + at->conv->pool_bytes / at->conv->units * unit;
}

/* Where a block of row `line` of pooling windows stands. */
static char *pooled_block(const scratch *at, size_t line, size_t block)
{
    const bnn_triple_conv *conv = at->conv;
    return pooled_rows(at, block / conv->unit) +
           line * conv->geometry.out_width * sizeof(uint64_t) +
           block % conv->unit * sizeof(uint32_t);
}

/* Row `y` of the product: some units of filters, to a row of output or to row `line` of pooling
 * windows. */
static void run_row(scratch *at, size_t y, bnn_range units, size_t line, char *output)
{
    const bnn_triple_conv *conv = at->conv;
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t first = y * s->stride_height, end = first + conv->ring;
    for (at->made = at->made < first ? first : at->made; at->made < end; at->made++)
        make_tables(at, at->made);
    find_tables(at, first);
    const bool pooled = conv->pool.is_on;
    bnn_triple_row row = {
        .tables = at->tables,
        .table_step = conv->table_step,
        .offsets = at->offsets,
        .triples = conv->triples,
        .outputs = conv->geometry.out_width,
        .output_step = pooled ? sizeof(uint64_t) : output_bytes(conv),
    };
    const size_t end_block = units.end * conv->unit;
    for (size_t block = units.begin * conv->unit; block < end_block && block < conv->blocks;
         block++) {
        const size_t filter = block * BNN_INPUT_BLOCK, left = s->filters - filter;
        row.indices = conv->indices + filter * conv->triples * 2;
        row.limits = conv->to_bits ? conv->limits + filter : NULL;
        row.starts = conv->starts + filter;
        row.channels = left < BNN_INPUT_BLOCK ? left : BNN_INPUT_BLOCK;
        row.output = pooled ? pooled_block(at, line, block)
                            : output + (conv->to_bits ? filter / 8 : filter * sizeof(int32_t));
        row.output_bytes = bnn_half_bytes(filter, s->filters);
        conv->loops->row(&row);
        bnn_fused_scale_run(&conv->scale, row.output, row.outputs, filter, row.channels);
    }
}

/* Some rows of pooled outputs. */
static void run_pooled(scratch *at, bnn_range rows, bnn_range units, char *output)
{
    const bnn_triple_conv *conv = at->conv;
    const bnn_fused_pool *pool = &conv->pool;
    const bnn_range source = bnn_fused_pool_source(pool, rows);
    for (size_t y = source.begin; y < source.end; y++)
        if (y % pool->stride_height < pool->height) /* or between two windows */
            run_row(at, y, units, y - source.begin, NULL);
    for (size_t unit = units.begin; unit < units.end; unit++)
        bnn_fused_pool_run(pool, (const uint64_t *)(const void *)pooled_rows(at, unit), 1,
                           unit * BNN_WORD_BITS, rows.end - rows.begin,
                           output + unit * sizeof(uint64_t), output_bytes(conv));
}

void bnn_triple_conv_run(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_triple_conv *conv = (const bnn_triple_conv *)kernel;
    const bnn_convolution *s = &conv->geometry.shape;
    const bnn_fused_pool *pool = &conv->pool;
    const bnn_part part =
        bnn_split_part(conv->split, call->thread, s->batch, pool->rows, conv->units);
    if (part.y.begin == part.y.end || part.z.begin == part.z.end)
        return;
    scratch at = scratch_of(conv, call);
    const size_t row_step = pool->columns * output_bytes(conv);
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        char *output = (char *)call->outputs[0] + n * pool->rows * row_step;
        at.image = (const uint8_t *)call->inputs[0] + n * s->height * conv->row_bytes;
        at.made = 0;
        const size_t chunk = pool->is_on ? conv->chunk : 1;
        for (size_t y = part.y.begin; y < part.y.end; y += chunk) {
            const bnn_range rows = {y, part.y.end - y < chunk ? part.y.end : y + chunk};
            if (pool->is_on)
                run_pooled(&at, rows, part.z, output + y * row_step);
            else
                run_row(&at, y, part.z, 0, output + y * row_step);
        }
    }
}
