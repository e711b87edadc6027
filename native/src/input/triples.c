#include "input/triples_conv.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"

enum { BYTE_OFFSET = 128, ENTRIES = 8, INDEX_BYTES = 2, NOWHERE = 0x80 };

static void destroy(bnn_kernel *kernel)
{
    bnn_triple_conv *conv = (bnn_triple_conv *)kernel;
    free(conv->offsets);
    free(conv->indices);
    free(conv->limits);
    free(conv->starts);
    bnn_fused_pool_destroy(&conv->pool);
    bnn_fused_scale_destroy(&conv->scale);
    free(conv);
}

/* How tables of 1 to 3 bytes are made, `spacing` bytes apart. */
static bnn_triple_recipe recipe_of(size_t bytes, size_t spacing)
{
    bnn_triple_recipe recipe = {.spacing = spacing};
    for (size_t table = 0; table < BNN_TABLES_AT_ONCE; table++)
        for (size_t entry = 0; entry < ENTRIES; entry++) {
            const size_t at = table * BNN_TABLE_BYTES + entry * INDEX_BYTES;
            int8_t signs[BNN_TRIPLE] = {0};
            int sum = 0;
            for (size_t i = 0; i < bytes; i++) {
                signs[i] = entry >> i & 1 ? -1 : 1;
                sum += signs[i];
            }
            recipe.pairs[at] = (uint8_t)(table * spacing);
            recipe.pairs[at + 1] = (uint8_t)(table * spacing + 1);
            recipe.singles[at] = (uint8_t)(table * spacing + 2);
            recipe.singles[at + 1] = NOWHERE;
            recipe.pair_signs[at] = signs[0];
            recipe.pair_signs[at + 1] = signs[1];
            recipe.single_signs[at] = signs[2];
            recipe.excess[at / INDEX_BYTES] = (int16_t)(BYTE_OFFSET * sum);
        }
    return recipe;
}

static void lay_out(bnn_triple_conv *conv)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t run = s->dilation_width == 1 ? s->kernel_width * s->channels : s->channels;
    const size_t runs = s->kernel_width * s->channels / run; /* of a row of taps */
    /* Where pixels are whole triples, no window begins within one. */
    const size_t spacing = s->channels % BNN_TRIPLE == 0 ? BNN_TRIPLE : 1;
    conv->pixel_bytes = s->channels;
    conv->row_bytes = s->width * s->channels;
    conv->blocks = (s->filters + BNN_INPUT_BLOCK - 1) / BNN_INPUT_BLOCK;
    conv->unit = conv->pool.is_on ? BNN_WORD_BITS / BNN_INPUT_BLOCK : 1;
    conv->units = (conv->blocks + conv->unit - 1) / conv->unit;
    conv->run = run;
    conv->run_triples = (run + BNN_TRIPLE - 1) / BNN_TRIPLE;
    conv->row_triples = runs * conv->run_triples;
    conv->triples = s->kernel_height * conv->row_triples;
    conv->wanted[0] = run >= BNN_TRIPLE;
    conv->wanted[1] = run % BNN_TRIPLE != 0;
    conv->recipes[0] = recipe_of(BNN_TRIPLE, spacing);
    conv->recipes[1] = recipe_of(run % BNN_TRIPLE, spacing);
    const size_t band_row = (s->width + s->pad_left + s->pad_right) * s->channels;
    conv->tables =
        bnn_round_up((band_row + spacing - 1) / spacing, BNN_TABLES_AT_ONCE);
    conv->tables_bytes = bnn_round_up(conv->tables * BNN_TABLE_BYTES * BNN_TRIPLE_KINDS,
                                      BNN_ALIGNMENT);
    conv->table_step = s->stride_width * s->channels / spacing * BNN_TABLE_BYTES;
    conv->ring = bnn_geometry_rows(&conv->geometry, 1);
    conv->padded_bytes =
        bnn_round_up(conv->tables * spacing + BNN_TABLE_REACH, BNN_ALIGNMENT);
    conv->offsets_bytes = bnn_round_up(conv->triples * sizeof(size_t), BNN_ALIGNMENT);
    conv->chunk = bnn_fused_pool_chunk(&conv->pool, conv->units);
    conv->pool_bytes =
        conv->units * bnn_fused_pool_words(&conv->pool, conv->chunk, 1) * sizeof(uint64_t);
    conv->thread_bytes = conv->ring * conv->tables_bytes + conv->padded_bytes +
                         conv->offsets_bytes + conv->pool_bytes;
}

static void set_offsets(bnn_triple_conv *conv)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t run = conv->run, run_triples = conv->run_triples;
    const size_t spacing = conv->recipes[0].spacing;
    for (size_t t = 0; t < conv->row_triples; t++) {
        const size_t column = t / run_triples, number = t % run_triples * BNN_TRIPLE;
        const size_t byte = column * s->dilation_width * s->channels + number;
        const size_t kind = number + BNN_TRIPLE <= run ? 0 : 1;
        conv->offsets[t] = (byte / spacing + kind * conv->tables) * BNN_TABLE_BYTES;
    }
}

static int16_t narrow(int64_t limit)
{
    return (int16_t)(limit < INT16_MIN ? INT16_MIN : limit > INT16_MAX ? INT16_MAX : limit);
}

/* A flipped filter has its weights negated: x > t is -x < -t. */
static void pack(bnn_triple_conv *conv, const int8_t *weights, const int32_t *thresholds,
                 const uint8_t *flips)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t run = conv->run, run_triples = conv->run_triples;
    const size_t taps = s->kernel_height * s->kernel_width * s->channels;
    /* Lanes without a filter add nothing, and are below nothing. */
    memset(conv->indices, NOWHERE, conv->blocks * BNN_INPUT_BLOCK * conv->triples * INDEX_BYTES);
    for (size_t i = 0; i < conv->blocks * BNN_INPUT_BLOCK; i++)
        conv->limits[i] = INT16_MIN;
    for (size_t f = 0; f < s->filters; f++, weights += taps) {
        const size_t block = f / BNN_INPUT_BLOCK, channel = f % BNN_INPUT_BLOCK;
        const size_t lane = conv->loops->groups[channel / 8] * 8u + channel % 8;
        const bool flip = conv->to_bits && flips[f] != 0;
        uint8_t *to = conv->indices +
                      (block * conv->triples * BNN_INPUT_BLOCK + lane) * INDEX_BYTES;
        int64_t sum = 0;
        for (size_t first = 0; first < taps; first += run)
            for (size_t t = 0; t < run_triples; t++, to += BNN_INPUT_BLOCK * INDEX_BYTES) {
                unsigned entry = 0;
                for (size_t i = t * BNN_TRIPLE; i < run && i < (t + 1) * BNN_TRIPLE; i++) {
                    const bool minus = (weights[first + i] < 0) != flip;
                    entry |= (unsigned)minus << i % BNN_TRIPLE;
                    sum += weights[first + i];
                }
                to[0] = (uint8_t)(entry * INDEX_BYTES);
                to[1] = (uint8_t)(entry * INDEX_BYTES + 1);
            }
        const int64_t start = conv->is_signed ? 0 : BYTE_OFFSET * sum;
        conv->starts[block * BNN_INPUT_BLOCK + channel] = (int32_t)start;
        if (conv->to_bits)
            conv->limits[block * BNN_INPUT_BLOCK + lane] =
                narrow(flip ? start - thresholds[f] : thresholds[f] - start);
    }
}

bnn_status bnn_triple_conv_create(const bnn_geometry *geometry, bnn_element element,
                                  const int8_t *weights, const bnn_fusion *fusion,
                                  bnn_fused_pool *pool, const bnn_execution *execution,
                                  const bnn_triple_loops *loops, bnn_kernel **kernel)
{
    bnn_triple_conv *conv = bnn_allocate(sizeof *conv);
    if (conv == NULL) {
        bnn_fused_pool_destroy(pool);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a first layer");
    }
    conv->geometry = *geometry;
    conv->loops = loops;
    conv->pool = *pool;
    conv->to_bits = fusion->thresholds != NULL;
    conv->is_signed = element == BNN_INT8;
    lay_out(conv);
    const size_t filters = geometry->shape.filters, lanes = conv->blocks * BNN_INPUT_BLOCK;
    const size_t offset_bytes = conv->row_triples * sizeof *conv->offsets;
    const size_t index_bytes = lanes * conv->triples * INDEX_BYTES;
    const size_t lane_bytes = lanes * (sizeof *conv->limits + sizeof *conv->starts);
    conv->split =
        bnn_split_choose(execution, geometry->shape.batch, conv->pool.rows, conv->units);
    conv->offsets = bnn_allocate(offset_bytes);
    conv->indices = bnn_allocate(index_bytes);
    conv->limits = bnn_allocate(lanes * sizeof *conv->limits);
    conv->starts = bnn_allocate(lanes * sizeof *conv->starts);
    if (!conv->offsets || !conv->indices || !conv->limits || !conv->starts ||
        !bnn_fused_scale_create(&conv->scale, fusion, filters, BNN_INT32, execution)) {
        destroy(&conv->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a first layer");
    }
    conv->base = (bnn_kernel){
        .run = bnn_triple_conv_run,
        .destroy = destroy,
        .weight_bytes = offset_bytes + index_bytes + lane_bytes +
                        bnn_fused_pool_bytes(&conv->pool, filters) +
                        bnn_fused_scale_bytes(&conv->scale),
        .workspace_bytes = (size_t)execution->threads * conv->thread_bytes,
        .phases = 1,
        .threads = execution->threads,
    };
    set_offsets(conv);
    pack(conv, weights, fusion->thresholds, fusion->flips);
    *kernel = &conv->base;
    return BNN_OK;
}
