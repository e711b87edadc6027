#include "conv/conv.h"

#include "conv/depthwise.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "lookup/choose.h"

/* Sums, and twice the mismatches, stay within 32 bits. */
enum { MOST_TAPS = 1 << 29 };

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
    free(conv);
}

static void lay_out(bnn_binary_conv *conv)
{
    const bnn_convolution *s = &conv->geometry.shape;
    conv->group_channels = s->channels / s->groups;
    conv->group_filters = s->filters / s->groups;
    conv->group_words = bnn_words(conv->group_channels);
    conv->block = conv->lookup != NULL ? BNN_LOOKUP_BLOCK : BNN_BLOCK;
    conv->group_blocks = (conv->group_filters + conv->block - 1) / conv->block;
    conv->blocks = conv->group_blocks * s->groups;
    conv->loose = conv->to_bits && s->groups > 1 && conv->group_filters % conv->block != 0;
    bool dense = s->groups == 1 && s->dilation_width == 1;
    conv->runs = dense ? s->kernel_height : s->kernel_height * s->kernel_width;
    conv->run_words = dense ? s->kernel_width * conv->group_words : conv->group_words;
    conv->words = conv->runs * conv->run_words;
    const size_t widest = conv->group_filters < BNN_BLOCK ? conv->group_filters : BNN_BLOCK;
    conv->block_words = conv->words * bnn_row_width(widest);
    conv->limit_step = conv->loose ? s->filters : conv->blocks * conv->block;
    conv->row_words =
        (s->width + s->pad_left + s->pad_right) * conv->group_words * s->groups;
    conv->regroups = s->groups > 1 && conv->group_channels % BNN_WORD_BITS != 0;
    conv->in_place = !conv->geometry.padded && !conv->regroups;
    conv->sums = conv->loose ? bnn_round_up(conv->geometry.out_width * s->filters, 16) : 0;
}

/* Everything but the weights themselves. */
static bool set_up(bnn_binary_conv *conv, int pad_value, const bnn_execution *execution)
{
    const bnn_geometry *g = &conv->geometry;
    const bnn_convolution *s = &g->shape;
    lay_out(conv);
    conv->split = bnn_split_choose(execution, s->batch, g->out_height,
                                   conv->loose ? 1 : conv->blocks);
    if (!conv->in_place) {
        size_t rows = bnn_geometry_rows(g, (g->out_height + conv->split.y - 1) / conv->split.y);
        conv->band_words = bnn_round_up(rows * conv->row_words, 8);
    }
    bool zero = pad_value == 0;
    if (!bnn_border_create(&conv->vertical, g->out_height, s->height, s->pad_top,
                           s->kernel_height, s->stride_height, s->dilation_height, zero) ||
        !bnn_border_create(&conv->horizontal, g->out_width, s->width, s->pad_left,
                           s->kernel_width, s->stride_width, s->dilation_width, zero))
        return false;
    const size_t classes = conv->vertical.count * conv->horizontal.count;
    /* Look-up keeps its own weights, made from those of one filter after the other. */
    const size_t weights = conv->lookup != NULL ? conv->words : conv->blocks * conv->block_words;
    const size_t limits = classes * conv->limit_step;
    if (classes > UINT16_MAX || limits > BNN_MOST_ELEMENTS || weights > BNN_MOST_ELEMENTS)
        return false;
    conv->run_offsets = bnn_allocate(conv->runs * sizeof *conv->run_offsets);
    conv->weights = bnn_allocate(weights * sizeof *conv->weights);
    conv->padding = bnn_allocate(conv->row_words * sizeof *conv->padding);
    conv->limits = bnn_allocate(limits * sizeof *conv->limits);
    conv->classes = bnn_allocate(conv->vertical.count * g->out_width * sizeof *conv->classes);
    if (!conv->run_offsets || !conv->weights || !conv->padding || !conv->limits || !conv->classes)
        return false;
    /* Lanes without a filter never give bit 1. */
    for (size_t i = 0; i < limits; i++)
        conv->limits[i] = INT32_MAX;
    for (size_t r = 0; r < conv->runs; r++) {
        size_t columns = conv->runs / s->kernel_height;
        size_t row = r / columns * s->dilation_height;
        size_t column = r % columns * s->dilation_width;
        conv->run_offsets[r] = row * conv->row_words + column * conv->group_words * s->groups;
    }
    conv->base.weight_bytes = conv->row_words * sizeof(uint64_t) +
                              conv->vertical.count * g->out_width * sizeof(uint16_t);
    size_t own = conv->band_words * sizeof(uint64_t) + conv->sums * sizeof(int32_t);
    if (conv->lookup != NULL) {
        if (!bnn_conv_lookup_create(conv))
            return false;
        conv->base.weight_bytes += conv->lookup->bytes;
        own += conv->lookup->index_bytes + conv->lookup->counts_bytes;
    } else {
        conv->base.weight_bytes += weights * sizeof(uint64_t) + limits * sizeof(int32_t);
    }
    conv->base.workspace_bytes = (size_t)execution->threads * own;
    return true;
}

bnn_status bnn_binary_conv_create(const bnn_convolution *shape, int pad_value,
                                  const int8_t *weights, const int32_t *thresholds,
                                  const uint8_t *flips, const bnn_execution *execution,
                                  bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_geometry geometry;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status == BNN_OK)
        status = bnn_geometry_create(shape, "binary convolution", &geometry);
    if (status != BNN_OK)
        return status;
    if (weights == NULL || kernel == NULL || (thresholds == NULL) != (flips == NULL))
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "binary convolution: weights, or one of thresholds and flips, are missing");
    if (pad_value < -1 || pad_value > 1)
        return bnn_fail(BNN_BAD_ARGUMENT, "binary convolution: pad value %d is not 0, 1 or -1",
                        pad_value);
    if (shape->kernel_height * shape->kernel_width > MOST_TAPS ||
        shape->kernel_height * shape->kernel_width * shape->channels > MOST_TAPS)
        return bnn_fail(BNN_UNSUPPORTED, "binary convolution: more than 2^29 taps a filter");
    const bool to_bits = thresholds != NULL;
    const bnn_lookup_kernels *lookup;
    status = bnn_lookup_choose(execution, isa, shape, to_bits, geometry.out_width, &lookup);
    if (status != BNN_OK)
        return status;
    if (bnn_is_depthwise(shape))
        return bnn_depthwise_create(&geometry, pad_value, weights, thresholds, flips, execution,
                                    kernel);
    bnn_binary_conv *conv = bnn_allocate(sizeof *conv);
    if (conv == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a binary convolution");
    conv->base = (bnn_kernel){
        .run = bnn_binary_conv_run,
        .destroy = destroy,
        .phases = 1,
        .threads = execution->threads,
    };
    conv->geometry = geometry;
    conv->rows = bnn_rows_select(isa);
    conv->to_bits = to_bits;
    if (lookup != NULL) {
        conv->lookup = bnn_allocate(sizeof *conv->lookup);
        if (conv->lookup != NULL)
            conv->lookup->kernels = lookup;
    }
    if ((lookup != NULL && conv->lookup == NULL) || !set_up(conv, pad_value, execution)) {
        destroy(&conv->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a binary convolution");
    }
    bnn_binary_conv_pack(conv, pad_value, weights, thresholds, flips);
    *kernel = &conv->base;
    return BNN_OK;
}
