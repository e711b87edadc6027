#include "input/conv.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/signs.h"
#include "core/strip.h"
#include "fuse/fusion.h"
#include "input/triples_conv.h"

/* Windows of bytes are read in whole quads, past the last one's end. */
enum { SLACK = 64, BYTE_OFFSET = 128 };

static bool is_bytes(const bnn_input_conv *conv)
{
    return conv->element_bytes == 1;
}

static void destroy(bnn_kernel *kernel)
{
    bnn_input_conv *conv = (bnn_input_conv *)kernel;
    free(conv->run_offsets);
    free(conv->weights);
    free(conv->starts);
    free(conv->padding);
    bnn_limits_destroy(&conv->limits);
    bnn_fused_pool_destroy(&conv->pool);
    bnn_fused_scale_destroy(&conv->scale);
    free(conv);
}

static void lay_out(bnn_input_conv *conv)
{
    const bnn_convolution *s = &conv->geometry.shape;
    conv->element_bytes = conv->element == BNN_UINT8 || conv->element == BNN_INT8 ? 1 : 4;
    conv->group_channels = s->channels / s->groups;
    conv->group_filters = s->filters / s->groups;
    conv->group_blocks = (conv->group_filters + BNN_INPUT_BLOCK - 1) / BNN_INPUT_BLOCK;
    conv->blocks = conv->group_blocks * s->groups;
    conv->loose = conv->to_bits && s->groups > 1 && conv->group_filters % BNN_INPUT_BLOCK != 0;
    bool dense = s->groups == 1 && s->dilation_width == 1;
    conv->runs = dense ? s->kernel_height : s->kernel_height * s->kernel_width;
    conv->run_numbers = dense ? s->kernel_width * s->channels : conv->group_channels;
    conv->run_length =
        is_bytes(conv) ? (conv->run_numbers + BNN_QUAD - 1) / BNN_QUAD : conv->run_numbers;
    conv->block_bytes = conv->runs * conv->run_length * BNN_INPUT_BLOCK * 4;
    conv->pixel_bytes = s->channels * conv->element_bytes;
    conv->row_bytes = s->width * conv->pixel_bytes;
    conv->band_row_bytes = (s->width + s->pad_left + s->pad_right) * conv->pixel_bytes;
    bool whole = !is_bytes(conv) || conv->run_numbers % BNN_QUAD == 0;
    conv->in_place = !conv->geometry.padded && whole && conv->element != BNN_INT8;
    if (conv->loose)
        conv->sum_bytes = bnn_round_up(
            conv->geometry.out_width * s->filters * sizeof(int32_t), BNN_ALIGNMENT);
}

static bool set_up(bnn_input_conv *conv, const bnn_execution *execution)
{
    const bnn_geometry *g = &conv->geometry;
    const bnn_convolution *s = &g->shape;
    lay_out(conv);
    conv->unit = conv->pool.is_on && !conv->loose ? BNN_WORD_BITS / BNN_INPUT_BLOCK : 1;
    conv->units = conv->loose ? 1 : (conv->blocks + conv->unit - 1) / conv->unit;
    conv->split = bnn_split_choose(execution, s->batch, conv->pool.rows, conv->units);
    const size_t pooled_words = conv->loose ? bnn_words(s->filters) : 1;
    conv->pool_bytes = bnn_fused_pool_words(&conv->pool, 1, pooled_words) * sizeof(uint64_t);
    conv->strip = bnn_strip_choose(g, bnn_split_most(conv->pool.rows, conv->split.y),
                                   conv->pool.stride_height,
                                   conv->in_place ? 0 : conv->band_row_bytes);
    if (!conv->in_place) {
        const size_t rows = bnn_geometry_rows(g, bnn_fused_pool_span(&conv->pool, conv->strip));
        conv->band_bytes = bnn_round_up(rows * conv->band_row_bytes + SLACK, BNN_ALIGNMENT);
    }
    const size_t weight_bytes = conv->blocks * conv->block_bytes;
    const size_t start_bytes = conv->blocks * BNN_INPUT_BLOCK * sizeof(int32_t);
    conv->run_offsets = bnn_allocate(conv->runs * sizeof *conv->run_offsets);
    conv->weights = bnn_allocate(weight_bytes);
    conv->starts = bnn_allocate(start_bytes);
    conv->padding = bnn_allocate(conv->band_row_bytes);
    if (!conv->run_offsets || !conv->weights || !conv->starts || !conv->padding)
        return false;
    if (conv->element == BNN_INT8)
        memset(conv->padding, BYTE_OFFSET, conv->band_row_bytes);
    const size_t columns = conv->runs / s->kernel_height;
    for (size_t r = 0; r < conv->runs; r++)
        conv->run_offsets[r] = r / columns * s->dilation_height * conv->band_row_bytes +
                               r % columns * s->dilation_width * conv->pixel_bytes;
    conv->base.weight_bytes =
        weight_bytes + start_bytes + conv->band_row_bytes + conv->limits.bytes +
        bnn_fused_pool_bytes(&conv->pool, s->filters) + bnn_fused_scale_bytes(&conv->scale);
    conv->base.workspace_bytes =
        (size_t)execution->threads * (conv->band_bytes + conv->pool_bytes + conv->sum_bytes);
    return true;
}

/* One weight of a block into the layout of its loop. */
static void put(bnn_input_conv *conv, char *block, size_t run, size_t number, size_t lane,
                int8_t weight)
{
    if (is_bytes(conv)) {
        size_t quad = run * conv->run_length + number / BNN_QUAD;
        size_t at = (quad * BNN_INPUT_BLOCK + lane) * BNN_QUAD + number % BNN_QUAD;
        ((int8_t *)block)[at] = weight;
        return;
    }
    size_t at = (run * conv->run_length + number) * BNN_INPUT_BLOCK + lane;
    if (conv->element == BNN_FLOAT32)
        ((float *)(void *)block)[at] = weight;
    else
        ((int32_t *)(void *)block)[at] = weight;
}

/* `excess` is what every weight -1 adds too much. */
static void pack(bnn_input_conv *conv, const int8_t *weights, int32_t excess)
{
    const size_t filters = conv->geometry.shape.filters;
    const size_t taps = conv->runs * conv->run_numbers;
    const int offset = conv->element == BNN_INT8 ? BYTE_OFFSET : 0;
    for (size_t f = 0; f < filters; f++, weights += taps) {
        const size_t within = f % conv->group_filters;
        const size_t block =
            f / conv->group_filters * conv->group_blocks + within / BNN_INPUT_BLOCK;
        const size_t lane = within % BNN_INPUT_BLOCK;
        char *to = (char *)conv->weights + block * conv->block_bytes;
        int64_t start = 0;
        for (size_t t = 0; t < taps; t++) {
            put(conv, to, t / conv->run_numbers, t % conv->run_numbers, lane, weights[t]);
            start -= (weights[t] < 0 ? excess : 0) + offset * weights[t];
        }
        if (is_bytes(conv))
            conv->starts[block * BNN_INPUT_BLOCK + lane] = (int32_t)start;
    }
}

static bnn_input_loop select_loop(bnn_isa isa, bnn_element element)
{
    const bnn_input_loops *loops = bnn_input_select(isa);
    switch (element) {
    case BNN_UINT8:
    case BNN_INT8: return loops->bytes;
    case BNN_INT32: return loops->int32;
    case BNN_FLOAT32: return loops->float32;
    case BNN_BIT: break;
    }
    return NULL;
}

/* Sums of this many bytes stay within 32 bits. */
enum { MOST_TAPS = 1 << 23 };

static bnn_status check(const bnn_convolution *shape, bnn_element element, const int8_t *weights,
                        bool complete)
{
    size_t taps = shape->kernel_height * shape->kernel_width;
    bool bytes = element == BNN_UINT8 || element == BNN_INT8;
    if (weights == NULL || !complete)
        return bnn_fail(BNN_BAD_ARGUMENT, "first layer: weights are missing");
    if (bytes && (taps > MOST_TAPS || taps * (shape->channels / shape->groups) > MOST_TAPS))
        return bnn_fail(BNN_UNSUPPORTED, "first layer: more than 2^23 taps a filter");
    if (!bnn_are_signs(weights, bnn_weight_count(shape)))
        return bnn_fail(BNN_BAD_ARGUMENT, "first layer: every weight must be 1 or -1");
    return BNN_OK;
}

bnn_status bnn_input_conv_create(const bnn_convolution *shape, bnn_element element,
                                 const int8_t *weights, const bnn_fusion *fusion,
                                 const bnn_execution *execution, bnn_kernel **kernel)
{
    static const char owner[] = "first layer";
    bnn_product product;
    bnn_fused_pool pool;
    bnn_status status = bnn_product_check(shape, owner, fusion, execution, &product);
    if (status == BNN_OK)
        status = check(shape, element, weights, kernel != NULL);
    if (status != BNN_OK)
        return status;
    const bnn_fusion *const fused = &product.fusion;
    bnn_input_loop loop = select_loop(product.isa, element);
    if (loop == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "first layer: element type %d is no number",
                        (int)element);
    const bnn_triple_loops *triples = bnn_triples_select(product.isa, shape, element);
    status = bnn_fused_pool_create(&pool, &fused->pool, &product.geometry, owner);
    if (status != BNN_OK)
        return status;
    if (triples != NULL)
        return bnn_triple_conv_create(&product.geometry, element, weights, fused, &pool,
                                      execution, triples, kernel);
    bnn_input_conv *conv = bnn_allocate(sizeof *conv);
    if (conv == NULL) {
        bnn_fused_pool_destroy(&pool);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a first layer");
    }
    conv->base = (bnn_kernel){
        .run = bnn_input_conv_run,
        .destroy = destroy,
        .phases = 1,
        .threads = execution->threads,
    };
    conv->geometry = product.geometry;
    conv->element = element;
    conv->loop = loop;
    conv->to_bits = fused->thresholds != NULL;
    conv->pool = pool;
    const bnn_element sums = element == BNN_FLOAT32 ? BNN_FLOAT32 : BNN_INT32;
    const size_t filters = product.geometry.shape.filters;
    conv->threshold_loop = bnn_threshold_select(product.isa, sums);
    if ((conv->to_bits &&
         !bnn_limits_create(&conv->limits, filters, BNN_INPUT_BLOCK, sums == BNN_FLOAT32,
                            fused->thresholds, fused->flips)) ||
        !bnn_fused_scale_create(&conv->scale, fused, filters, sums, execution) ||
        !set_up(conv, execution)) {
        destroy(&conv->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a first layer");
    }
    pack(conv, weights, bnn_input_select(product.isa)->excess);
    *kernel = &conv->base;
    return BNN_OK;
}
