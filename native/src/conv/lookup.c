#include "conv/lookup.h"

#include "conv/conv.h"
#include "core/memory.h"

enum { TILE_PAIRS = 28 }; /* counts, index and weights of a chunk stay in the first-level cache */

/* Which pixels stand side by side in a row of the index. */
static void pair_columns(const bnn_binary_conv *conv, size_t step)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t last = s->width + s->pad_left + s->pad_right - 1;
    const size_t pixel_words = conv->group_words * conv->groups;
    const size_t across = lookup->column_count - lookup->down_columns;
    bnn_pixel_pair *to = lookup->columns;
    for (size_t i = 0; i < across; i++) {
        const size_t pair = bnn_smaller(i / step, lookup->pairs - 1);
        const size_t first = pair * 2 * s->stride_width + (i - pair * step);
        /* The second output of the last pair may not exist: any pixel will do. */
        const size_t second = bnn_smaller(first + s->stride_width, last);
        *to++ = (bnn_pixel_pair){first * pixel_words, second * pixel_words};
    }
    /* First with the pixels below, then with themselves. */
    for (size_t below = s->stride_height * conv->row_words, k = 0; k < 2; k++, below = 0)
        for (size_t i = 0; i < lookup->down_columns; i++) {
            const size_t first =
                ((conv->geometry.out_width - 1) * s->stride_width + i) * pixel_words;
            *to++ = (bnn_pixel_pair){first, first + below};
        }
}

/* Where the windows of the pairs of a tile begin in the index. */
static void place_starts(const bnn_conv_lookup *lookup, size_t step)
{
    const size_t groups = lookup->weights.tap_groups;
    for (size_t row = 0; row < lookup->tile_rows; row++) {
        const size_t line = row * lookup->row_step * lookup->row_entries;
        size_t *to = lookup->starts + bnn_first_pair(lookup, row);
        for (size_t i = 0; i < lookup->pairs; i++)
            to[i] = line + i * step * groups;
        if (lookup->pairs_down && row % 2 == 0)
            lookup->starts[bnn_pair_down(lookup, row)] =
                line + (lookup->column_count - lookup->down_columns) * groups;
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
                                                bnn_smaller(conv->group_filters, BNN_LOOKUP_BLOCK));
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
    const size_t step = bnn_smaller(2 * s->stride_width, reach);
    const size_t rows = bnn_conv_most_rows(conv);
    lookup->pairs_down = g->out_width % 2 != 0 && g->out_width <= TILE_PAIRS && rows > 1;
    lookup->pairs = lookup->pairs_down ? g->out_width / 2 : (g->out_width + 1) / 2;
    lookup->down_columns = lookup->pairs_down ? reach : 0;
    lookup->column_count =
        (lookup->pairs > 0 ? (lookup->pairs - 1) * step + reach : 0) + lookup->down_columns;
    lookup->row_entries = lookup->column_count * groups;
    lookup->reach = (s->kernel_height - 1) * s->dilation_height + 1;
    lookup->row_step = bnn_smaller(s->stride_height, lookup->reach);
    const size_t unit = lookup->pairs_down ? 2 : 1; /* rows that share pairs */
    const size_t fitting = TILE_PAIRS / bnn_tile_pairs(lookup, unit) * unit;
    lookup->tile_rows = fitting < 1 ? 1 : bnn_smaller(fitting, rows);
    const size_t tile = bnn_tile_pairs(lookup, lookup->tile_rows);
    const size_t columns = lookup->column_count + lookup->down_columns;
    const size_t index_rows = (rows - 1) * lookup->row_step + lookup->reach;
    lookup->index_bytes = bnn_round_up(
        (index_rows * lookup->row_entries + BNN_LOOKUP_STEP) * sizeof(uint16_t), BNN_ALIGNMENT);
    lookup->counts_bytes =
        lookup->kernels->most_blocks * tile * 2 * BNN_LOOKUP_BLOCK * sizeof(uint16_t);
    lookup->columns = bnn_allocate(columns * sizeof *lookup->columns);
    lookup->starts = bnn_allocate(tile * sizeof *lookup->starts);
    lookup->weights.tap_groups = groups;
    const size_t limits = conv->vertical.count * conv->horizontal.count * conv->limit_step;
    if (conv->to_bits)
        lookup->least = bnn_allocate(limits * sizeof *lookup->least);
    if (!create_weights(conv) || lookup->columns == NULL || lookup->starts == NULL ||
        (conv->to_bits && lookup->least == NULL))
        return false;
    lookup->bytes = lookup->weights.bytes + columns * sizeof *lookup->columns +
                    tile * sizeof *lookup->starts +
                    limits * (conv->to_bits ? sizeof *lookup->least : sizeof *conv->limits);
    pair_columns(conv, step);
    place_starts(lookup, step);
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
