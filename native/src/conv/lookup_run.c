#include "conv/lookup.h"

#include "conv/conv.h"
#include "core/memory.h"

#include <string.h>

/* The index of one group of channels. */
static void index_rows(const bnn_binary_conv *conv, size_t outputs, const uint64_t *first,
                       uint16_t *index)
{
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t stride = conv->geometry.shape.stride_height, groups = lookup->weights.tap_groups;
    const size_t rows = (outputs - 1) * lookup->row_step + lookup->reach;
    const size_t last = (outputs - 1) * stride + lookup->reach - 1;
    for (size_t row = 0; row < rows; row++, index += lookup->row_entries) {
        const size_t output = bnn_smaller(row / lookup->row_step, outputs - 1);
        const size_t within = row - output * lookup->row_step;
        const size_t source = output * stride + within;
        const size_t paired =
            lookup->column_count - (source + stride > last ? lookup->down_columns : 0);
        const uint64_t *from = first + source * conv->row_words;
        lookup->kernels->index(from, lookup->columns, paired, groups, index);
        if (paired < lookup->column_count)
            lookup->kernels->index(from, lookup->columns + lookup->column_count,
                                   lookup->down_columns, groups, index + paired * groups);
    }
    memset(index, 0, BNN_LOOKUP_STEP * sizeof *index);
}

/* What a thread computes an image from and to. */
typedef struct {
    const uint16_t *index;
    uint16_t *counts; /* of a tile */
    char *output;
    uint64_t *rows; /* of a pooling window */
    uint64_t *bits; /* of a row of a loose block */
} place;

static void finish_row(const bnn_binary_conv *conv, size_t block, size_t row, size_t tile_row,
                       size_t filter, size_t filters, const place *at)
{
    const bnn_conv_lookup *lookup = conv->lookup;
    const bnn_fused_pool *pool = &conv->pool;
    const size_t output_bytes = bnn_conv_output_bytes(conv), width = conv->geometry.out_width;
    const size_t lanes = block * BNN_LOOKUP_BLOCK;
    const size_t within = row % pool->stride_height;
    char *pixels = at->output + row / pool->stride_height * pool->columns * output_bytes;
    char *to = pixels + (conv->to_bits ? filter / 8 : filter * sizeof(int32_t));
    uint64_t *line = pool->is_on ? at->rows + within * width : conv->loose ? at->bits : NULL;
    if (within >= pool->height)
        return; /* between two windows */
    bnn_lookup_finish finish = {
        .counts = at->counts + bnn_first_pair(lookup, tile_row) * 2 * BNN_LOOKUP_BLOCK,
        .outputs = width - (lookup->pairs_down ? 1 : 0),
        .least = conv->to_bits ? lookup->least + lanes : NULL,
        .full = conv->to_bits ? NULL : conv->limits + lanes,
        .class_step = conv->limit_step,
        .classes = bnn_conv_classes(conv, row),
        .filters = filters,
        .output = line != NULL ? (char *)line : to,
        .output_step = line != NULL ? sizeof *line : output_bytes,
    };
    void (*const run)(const bnn_lookup_finish *) =
        conv->to_bits ? lookup->kernels->bits : lookup->kernels->sums;
    run(&finish);
    if (lookup->pairs_down) {
        finish.counts = at->counts + (bnn_pair_down(lookup, tile_row) * 2 + tile_row % 2) *
                                         BNN_LOOKUP_BLOCK;
        finish.classes += finish.outputs;
        finish.output = (char *)finish.output + finish.outputs * finish.output_step;
        finish.outputs = 1;
        run(&finish);
    }
    if (!conv->to_bits)
        bnn_fused_scale_run(&conv->scale, to, width, filter, filters);
    if (within + 1 < pool->height)
        return;
    if (pool->is_on && conv->loose)
        bnn_fused_pool_run(pool, at->rows, 1, filter, 1, (char *)at->bits, sizeof *at->bits);
    else if (pool->is_on)
        bnn_fused_pool_run(pool, at->rows, 1, filter, 1, to, output_bytes);
    if (conv->loose)
        bnn_conv_place_bits(conv, at->bits, pool->columns, filter, filters, pixels);
}

/* Neighbouring blocks of one group. */
static void run_blocks(const bnn_binary_conv *conv, size_t block, size_t blocks, bnn_range rows,
                       const place *at)
{
    const bnn_conv_lookup *lookup = conv->lookup;
    const size_t within = block % conv->group_blocks * BNN_LOOKUP_BLOCK;
    const size_t filter = block / conv->group_blocks * conv->group_filters + within;
    const size_t filters = conv->group_filters - within;
    for (size_t y = rows.begin; y < rows.end; y += lookup->tile_rows) {
        const size_t count = bnn_smaller(lookup->tile_rows, rows.end - y);
        const bnn_lookup_tile tile = {
            .index = at->index + (y - rows.begin) * lookup->row_step * lookup->row_entries,
            .starts = lookup->starts,
            .pairs = bnn_tile_pairs(lookup, count),
            .segments = lookup->weights.segments,
            .segment_count = lookup->weights.segment_count,
            .weights = lookup->weights.nibbles + block * lookup->weights.block_bytes,
            .block_bytes = lookup->weights.block_bytes,
            .blocks = blocks,
            .filters = bnn_smaller(filters, BNN_LOOKUP_BLOCK),
            .counts = at->counts,
        };
        lookup->kernels->count(&tile);
        place one = *at;
        for (size_t b = 0; b < blocks; b++) {
            const size_t before = b * BNN_LOOKUP_BLOCK;
            for (size_t i = 0; i < count; i++)
                finish_row(conv, block + b, y + i, i, filter + before,
                           bnn_smaller(filters - before, BNN_LOOKUP_BLOCK), &one);
            one.counts += tile.pairs * 2 * BNN_LOOKUP_BLOCK;
            one.rows += conv->pool_words / lookup->kernels->most_blocks;
        }
    }
}

void bnn_conv_lookup_run(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                         char *output, uint64_t *pooled, char *memory)
{
    const bnn_fused_pool *pool = &conv->pool;
    const bnn_range rows = bnn_fused_pool_source(pool, part->y);
    const bnn_range blocks = conv->loose ? (bnn_range){0, conv->blocks} : part->z;
    char *memory_of_index = memory + conv->loose_words * sizeof(uint64_t);
    uint16_t *index = (uint16_t *)(void *)memory_of_index;
    const place at = {
        .index = index,
        .counts = (uint16_t *)(void *)(memory_of_index + conv->lookup->index_bytes),
        .output = output,
        .rows = pooled,
        .bits = (uint64_t *)(void *)memory,
    };
    if (conv->loose) {
        const size_t row_bytes = pool->columns * bnn_conv_output_bytes(conv);
        memset(output + part->y.begin * row_bytes, 0, (part->y.end - part->y.begin) * row_bytes);
    }
    size_t indexed = SIZE_MAX;
    for (size_t block = blocks.begin, count; block < blocks.end; block += count) {
        const size_t group = block / conv->group_blocks, within = block % conv->group_blocks;
        count = bnn_lookup_blocks(conv->lookup->kernels,
                                  bnn_smaller(blocks.end - block, conv->group_blocks - within),
                                  conv->group_filters - within * BNN_LOOKUP_BLOCK);
        if (group != indexed)
            index_rows(conv, rows.end - rows.begin, first + group * conv->group_words, index);
        indexed = group;
        run_blocks(conv, block, count, rows, &at);
    }
}
