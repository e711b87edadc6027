#include "conv/conv.h"

#include "conv/depthwise.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/signs.h"
#include "core/strip.h"
#include "fuse/fusion.h"
#include "lookup/choose.h"

/* Sums, and twice the mismatches, stay within 32 bits. */
enum { MOST_TAPS = 1 << 29 };

/* A pair of nibbles has two bytes of the index: a row of it is so many times a row of the band. */
enum { INDEX_TO_BAND = 4 };

static void destroy(bnn_kernel *kernel)
{
    bnn_binary_conv *conv = (bnn_binary_conv *)kernel;
    bnn_conv_lookup_destroy(conv->lookup);
    free(conv->run_offsets);
    free(conv->weights);
    free(conv->padding);
    free(conv->limits);
    free(conv->classes);
    bnn_border_destroy(&conv->vertical);
    bnn_border_destroy(&conv->horizontal);
    bnn_fused_pool_destroy(&conv->pool);
    bnn_fused_scale_destroy(&conv->scale);
    free(conv);
}

static void lay_out(bnn_binary_conv *conv)
{
    const bnn_convolution *s = &conv->geometry.shape;
    conv->merged = conv->lookup != NULL ? bnn_lookup_merged(s) : 1;
    conv->groups = s->groups / conv->merged;
    conv->group_channels = s->channels / conv->groups;
    conv->group_filters = s->filters / conv->groups;
    conv->group_words = bnn_words(conv->group_channels);
    conv->block = conv->lookup != NULL ? BNN_LOOKUP_BLOCK : BNN_BLOCK;
    conv->group_blocks = (conv->group_filters + conv->block - 1) / conv->block;
    conv->blocks = conv->group_blocks * conv->groups;
    conv->loose = conv->to_bits && conv->groups > 1 && conv->group_filters % conv->block != 0;
    bool dense = conv->groups == 1 && s->dilation_width == 1;
    conv->runs = dense ? s->kernel_height : s->kernel_height * s->kernel_width;
    conv->run_words = dense ? s->kernel_width * conv->group_words : conv->group_words;
    conv->words = conv->runs * conv->run_words;
    const size_t widest = conv->group_filters < BNN_BLOCK ? conv->group_filters : BNN_BLOCK;
    conv->block_words = conv->words * bnn_row_width(widest);
    conv->limit_step = conv->blocks * conv->block;
    conv->row_words =
        (s->width + s->pad_left + s->pad_right) * conv->group_words * conv->groups;
    conv->regroups = conv->groups > 1 && conv->group_channels % BNN_WORD_BITS != 0;
    conv->in_place = !conv->geometry.padded && !conv->regroups;
    /* Pooling takes whole words of bits. */
    conv->unit = conv->pool.is_on && conv->lookup == NULL && !conv->loose
                     ? BNN_WORD_BITS / BNN_BLOCK
                     : 1;
    conv->units = conv->loose ? 1 : (conv->blocks + conv->unit - 1) / conv->unit;
    conv->loose_words = conv->loose ? bnn_round_up(conv->geometry.out_width, 8) : 0;
}

/* Everything but the weights themselves. */
static bnn_status set_up(bnn_binary_conv *conv, int pad_value, const bnn_execution *execution)
{
    const bnn_geometry *g = &conv->geometry;
    const bnn_convolution *s = &g->shape;
    lay_out(conv);
    conv->split = bnn_split_choose(execution, s->batch, conv->pool.rows, conv->units);
    const size_t copies = (conv->in_place ? 0 : 1) + (conv->lookup != NULL ? INDEX_TO_BAND : 0);
    conv->strip = bnn_strip_choose(g, bnn_split_most(conv->pool.rows, conv->split.y),
                                   conv->pool.stride_height,
                                   copies * conv->row_words * sizeof(uint64_t));
    const size_t pooled_words = bnn_conv_pooled_words(conv);
    const size_t pooled_rows =
        conv->lookup != NULL ? 1 : bnn_fused_pool_chunk(&conv->pool, pooled_words);
    conv->pool_words = bnn_fused_pool_words(&conv->pool, pooled_rows, pooled_words);
    if (conv->lookup != NULL)
        conv->pool_words *= conv->lookup->kernels->most_blocks;
    if (!conv->in_place) {
        size_t rows = bnn_geometry_rows(g, bnn_conv_most_rows(conv));
        conv->band_words = bnn_round_up(rows * conv->row_words, 8);
    }
    bool zero = pad_value == 0;
    if (!bnn_border_create(&conv->vertical, g->out_height, s->height, s->pad_top,
                           s->kernel_height, s->stride_height, s->dilation_height, zero) ||
        !bnn_border_create(&conv->horizontal, g->out_width, s->width, s->pad_left,
                           s->kernel_width, s->stride_width, s->dilation_width, zero))
        return BNN_NO_MEMORY;
    const size_t classes = conv->vertical.count * conv->horizontal.count;
    /* Look-up keeps its own weights, made from those of one filter after the other. */
    const size_t weights = conv->lookup != NULL ? conv->words : conv->blocks * conv->block_words;
    const size_t limits = classes * conv->limit_step;
    if (classes > UINT16_MAX || limits > BNN_MOST_ELEMENTS || weights > BNN_MOST_ELEMENTS)
        return bnn_fail(BNN_UNSUPPORTED,
                        "binary convolution: %zu kinds of windows at its borders, or its weights, "
                        "are too many",
                        classes);
    conv->run_offsets = bnn_allocate(conv->runs * sizeof *conv->run_offsets);
    conv->weights = bnn_allocate(weights * sizeof *conv->weights);
    conv->padding = bnn_allocate(conv->row_words * sizeof *conv->padding);
    conv->limits = bnn_allocate(limits * sizeof *conv->limits);
    conv->classes = bnn_allocate(conv->vertical.count * g->out_width * sizeof *conv->classes);
    if (!conv->run_offsets || !conv->weights || !conv->padding || !conv->limits || !conv->classes)
        return BNN_NO_MEMORY;
    /* Lanes without a filter never give bit 1. */
    for (size_t i = 0; i < limits; i++)
        conv->limits[i] = INT32_MAX;
    for (size_t r = 0; r < conv->runs; r++) {
        size_t columns = conv->runs / s->kernel_height;
        size_t row = r / columns * s->dilation_height;
        size_t column = r % columns * s->dilation_width;
        conv->run_offsets[r] = row * conv->row_words + column * conv->group_words * conv->groups;
    }
    conv->base.weight_bytes = conv->row_words * sizeof(uint64_t) +
                              conv->vertical.count * g->out_width * sizeof(uint16_t) +
                              bnn_fused_pool_bytes(&conv->pool, s->filters) +
                              bnn_fused_scale_bytes(&conv->scale);
    size_t own = (conv->band_words + conv->pool_words + conv->loose_words) * sizeof(uint64_t);
    if (conv->lookup != NULL) {
        if (!bnn_conv_lookup_create(conv))
            return BNN_NO_MEMORY;
        conv->base.weight_bytes += conv->lookup->bytes;
        own += conv->lookup->index_bytes + conv->lookup->counts_bytes;
    } else {
        conv->base.weight_bytes += weights * sizeof(uint64_t) + limits * sizeof(int32_t);
    }
    conv->base.workspace_bytes = (size_t)execution->threads * own;
    return BNN_OK;
}

bnn_status bnn_binary_conv_create(const bnn_convolution *shape, int pad_value,
                                  const int8_t *weights, const bnn_fusion *fusion,
                                  const bnn_execution *execution, bnn_kernel **kernel)
{
    static const char owner[] = "binary convolution";
    bnn_product product;
    bnn_fused_pool pool;
    bnn_status status = bnn_product_check(shape, owner, fusion, execution, &product);
    if (status != BNN_OK)
        return status;
    const bnn_fusion *const fused = &product.fusion;
    if (weights == NULL || kernel == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "binary convolution: weights are missing");
    if (pad_value < -1 || pad_value > 1)
        return bnn_fail(BNN_BAD_ARGUMENT, "binary convolution: pad value %d is not 0, 1 or -1",
                        pad_value);
    if (shape->kernel_height * shape->kernel_width > MOST_TAPS ||
        shape->kernel_height * shape->kernel_width * shape->channels > MOST_TAPS)
        return bnn_fail(BNN_UNSUPPORTED, "binary convolution: more than 2^29 taps a filter");
    if (!bnn_are_signs(weights, bnn_weight_count(shape)))
        return bnn_fail(BNN_BAD_ARGUMENT, "binary convolution: every weight must be 1 or -1");
    const bool to_bits = fused->thresholds != NULL;
    const bnn_lookup_kernels *lookup;
    status = bnn_lookup_choose(execution, product.isa, shape, product.geometry.out_width, &lookup);
    if (status != BNN_OK)
        return status;
    if (bnn_is_depthwise(shape))
        return bnn_depthwise_create(&product.geometry, pad_value, weights, fused, execution,
                                    kernel);
    status = bnn_fused_pool_create(&pool, &fused->pool, &product.geometry, owner);
    if (status != BNN_OK)
        return status;
    bnn_binary_conv *conv = bnn_allocate(sizeof *conv);
    if (conv == NULL) {
        bnn_fused_pool_destroy(&pool);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a binary convolution");
    }
    conv->base = (bnn_kernel){
        .run = bnn_binary_conv_run,
        .destroy = destroy,
        .phases = 1,
        .threads = execution->threads,
    };
    conv->geometry = product.geometry;
    conv->rows = bnn_rows_select(product.isa);
    conv->to_bits = to_bits;
    conv->pool = pool;
    if (lookup != NULL) {
        conv->lookup = bnn_allocate(sizeof *conv->lookup);
        if (conv->lookup != NULL)
            conv->lookup->kernels = lookup;
    }
    const bool has_room = lookup == NULL || conv->lookup != NULL;
    status = BNN_NO_MEMORY;
    if (has_room &&
        bnn_fused_scale_create(&conv->scale, fused, shape->filters, BNN_INT32, execution))
        status = set_up(conv, pad_value, execution);
    if (status != BNN_OK) {
        destroy(&conv->base);
        return status != BNN_NO_MEMORY
                   ? status
                   : bnn_fail(status, "no memory for the weights of a binary convolution");
    }
    bnn_binary_conv_pack(conv, pad_value, weights, fused->thresholds, fused->flips);
    *kernel = &conv->base;
    return BNN_OK;
}
