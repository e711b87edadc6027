#include "conv/lookup.h"

#include "conv/conv.h"
#include "core/memory.h"

enum { TILE_PAIRS = 28 }; /* counts, index and weights of a chunk stay in the first-level cache */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Which pixels stand side by side in a row of the index. */
static void pair_columns(const bnn_binary_conv *conv, size_t step)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t last = s->width + s->pad_left + s->pad_right - 1;
    const size_t pixel_words = conv->group_words * s->groups;
    for (size_t i = 0; i < lookup->column_count; i++) {
        const size_t pair = smaller(i / step, lookup->pairs - 1);
        const size_t first = pair * 2 * s->stride_width + (i - pair * step);
        /* The second output of the last pair may not exist: any pixel will do. */
        const size_t second = smaller(first + s->stride_width, last);
        lookup->columns[i] = (bnn_pixel_pair){first * pixel_words, second * pixel_words};
    }
}

static bool create_weights(bnn_binary_conv *conv)
{
    const bnn_convolution *s = &conv->geometry.shape;
    bnn_conv_lookup *lookup = conv->lookup;
    const bool dense = s->dilation_width == 1;
    const size_t columns = dense ? 1 : s->kernel_width;
    bnn_lookup_weights *weights = &lookup->weights;
    weights->runs = s->kernel_height * columns;
    weights->run_taps = s->kernel_width / columns;
    size_t *offsets = bnn_allocate(weights->runs * sizeof *offsets);
    for (size_t r = 0; offsets != NULL && r < weights->runs; r++)
        offsets[r] = r / columns * s->dilation_height * lookup->row_entries +
                     r % columns * s->dilation_width * weights->tap_groups;
    const bool made = offsets != NULL &&
                      bnn_lookup_weights_create(weights, offsets, conv->blocks,
                                                smaller(conv->group_filters, BNN_LOOKUP_BLOCK));
    free(offsets);
    return made;
}

bool bnn_conv_lookup_create(bnn_binary_conv *conv)
{
    const bnn_geometry *g = &conv->geometry;
    const bnn_convolution *s = &g->shape;
    bnn_conv_lookup *lookup = conv->lookup;
    const size_t groups = (conv->group_channels + BNN_LOOKUP_GROUP - 1) / BNN_LOOKUP_GROUP;
    const size_t reach = (s->kernel_width - 1) * s->dilation_width + 1;
    const size_t step = smaller(2 * s->stride_width, reach);
    lookup->pairs = (g->out_width + 1) / 2;
    lookup->column_count = (lookup->pairs - 1) * step + reach;
    lookup->row_entries = lookup->column_count * groups;
    lookup->reach = (s->kernel_height - 1) * s->dilation_height + 1;
    lookup->row_step = smaller(s->stride_height, lookup->reach);
    const size_t rows = (g->out_height + conv->split.y - 1) / conv->split.y;
    const size_t fitting = TILE_PAIRS / lookup->pairs;
    lookup->tile_rows = fitting < 1 ? 1 : smaller(fitting, rows);
    const size_t tile = lookup->tile_rows * lookup->pairs;
    const size_t index_rows = (rows - 1) * lookup->row_step + lookup->reach;
    lookup->index_bytes = bnn_round_up(
        (index_rows * lookup->row_entries + BNN_LOOKUP_STEP) * sizeof(uint16_t), BNN_ALIGNMENT);
    lookup->counts_bytes = tile * 2 * BNN_LOOKUP_BLOCK * sizeof(uint16_t);
    lookup->columns = bnn_allocate(lookup->column_count * sizeof *lookup->columns);
    lookup->starts = bnn_allocate(tile * sizeof *lookup->starts);
    lookup->weights.tap_groups = groups;
    const size_t limits = conv->vertical.count * conv->horizontal.count * conv->limit_step;
    if (conv->to_bits)
        lookup->least = bnn_allocate(limits * sizeof *lookup->least);
    if (!create_weights(conv) || lookup->columns == NULL || lookup->starts == NULL ||
        (conv->to_bits && lookup->least == NULL))
        return false;
    lookup->bytes = lookup->weights.bytes + lookup->column_count * sizeof *lookup->columns +
                    tile * sizeof *lookup->starts +
                    limits * (conv->to_bits ? sizeof *lookup->least : sizeof *conv->limits);
    pair_columns(conv, step);
    for (size_t i = 0; i < tile; i++)
        lookup->starts[i] = i / lookup->pairs * lookup->row_step * lookup->row_entries +
                            i % lookup->pairs * step * groups;
    return true;
}

void bnn_conv_lookup_limits(bnn_binary_conv *conv)
{
    uint16_t *least = conv->lookup->least;
    const size_t classes = conv->vertical.count * conv->horizontal.count;
    for (size_t i = 0; i < classes * conv->limit_step; i++)
        least[bnn_lookup_place(i)] = bnn_lookup_least(conv->limits[i]);
    free(conv->limits);
    conv->limits = NULL;
}

/* The index of one group of channels. */
static void index_rows(const bnn_binary_conv *conv, size_t outputs, const uint64_t *first,
                       uint16_t *index)
{
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t rows = (outputs - 1) * lookup->row_step + lookup->reach;
    for (size_t row = 0; row < rows; row++, index += lookup->row_entries) {
        const size_t output = smaller(row / lookup->row_step, outputs - 1);
        const size_t within = row - output * lookup->row_step;
        const size_t source = output * conv->geometry.shape.stride_height + within;
        lookup->kernels->index(first + source * conv->row_words, lookup->columns,
                               lookup->column_count, lookup->weights.tap_groups, index);
    }
    memset(index, 0, BNN_LOOKUP_STEP * sizeof *index);
}

static void finish_row(const bnn_binary_conv *conv, size_t block, size_t row,
                       const uint16_t *counts, size_t filter, size_t filters, char *output)
{
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t output_bytes = bnn_conv_output_bytes(conv), width = conv->geometry.out_width;
    const size_t lanes = block * BNN_LOOKUP_BLOCK;
    char *to = output + row * width * output_bytes;
    const bnn_lookup_finish finish = {
        .counts = counts,
        .outputs = width,
        .least = conv->to_bits ? lookup->least + lanes : NULL,
        .full = conv->to_bits ? NULL : conv->limits + lanes,
        .class_step = conv->limit_step,
        .classes = bnn_conv_classes(conv, row),
        .filters = filters,
        .output = to + (conv->to_bits ? filter / 8 : filter * sizeof(int32_t)),
        .output_step = output_bytes,
    };
    if (conv->to_bits)
        lookup->kernels->bits(&finish);
    else
        lookup->kernels->sums(&finish);
}

static void run_block(const bnn_binary_conv *conv, size_t block, bnn_range rows,
                      const uint16_t *index, uint16_t *counts, char *output)
{
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t within = block % conv->group_blocks * BNN_LOOKUP_BLOCK;
    const size_t filter = block / conv->group_blocks * conv->group_filters + within;
    const size_t filters = smaller(conv->group_filters - within, BNN_LOOKUP_BLOCK);
    for (size_t y = rows.begin; y < rows.end; y += lookup->tile_rows) {
        const size_t count = smaller(lookup->tile_rows, rows.end - y);
        const bnn_lookup_tile tile = {
            .index = index + (y - rows.begin) * lookup->row_step * lookup->row_entries,
            .starts = lookup->starts,
            .pairs = count * lookup->pairs,
            .segments = lookup->weights.segments,
            .segment_count = lookup->weights.segment_count,
            .weights = lookup->weights.nibbles + block * lookup->weights.block_bytes,
            .filters = filters,
            .counts = counts,
        };
        lookup->kernels->count(&tile);
        for (size_t i = 0; i < count; i++)
            finish_row(conv, block, y + i, counts + i * lookup->pairs * 2 * BNN_LOOKUP_BLOCK,
                       filter, filters, output);
    }
}

void bnn_conv_lookup_run(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                         char *output, char *memory)
{
    uint16_t *index = (uint16_t *)(void *)memory;
    uint16_t *counts = (uint16_t *)(void *)(memory + conv->lookup->index_bytes);
    size_t indexed = SIZE_MAX;
    for (size_t block = part->z.begin; block < part->z.end; block++) {
        const size_t group = block / conv->group_blocks;
        if (group != indexed)
            index_rows(conv, part->y.end - part->y.begin, first + group * conv->group_words,
                       index);
        indexed = group;
        run_block(conv, block, part->y, index, counts, output);
    }
}

void bnn_conv_lookup_destroy(bnn_conv_lookup *lookup)
{
    if (lookup == NULL)
        return;
    bnn_lookup_weights_destroy(&lookup->weights);
    free(lookup->least);
    free(lookup->columns);
    free(lookup->starts);
    free(lookup);
}
