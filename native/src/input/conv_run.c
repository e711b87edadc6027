#include "core/bits.h"
#include "core/memory.h"
#include "input/conv.h"

static size_t output_bytes(const bnn_input_conv *conv)
{
    size_t filters = conv->geometry.shape.filters;
    return conv->to_bits ? bnn_words(filters) * sizeof(uint64_t) : filters * sizeof(int32_t);
}

/* One row of outputs, one block of filters. */
static void run_block(const bnn_input_conv *conv, const char *windows, char *output, char *sums,
                      size_t block)
{
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t group = block / conv->group_blocks;
    const size_t within = block % conv->group_blocks * BNN_INPUT_BLOCK;
    const size_t filter = group * conv->group_filters + within;
    const size_t left = conv->group_filters - within;
    const bool clears = filter % BNN_WORD_BITS == 0 && filter + BNN_INPUT_BLOCK >= s->filters;
    const bool fused = conv->to_bits && !conv->loose;
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
        .output = to + (fused ? filter / 8 : filter * sizeof(int32_t)),
        .output_step = conv->loose ? s->filters * sizeof(int32_t) : output_bytes(conv),
        .output_bytes = clears ? sizeof(uint64_t) : sizeof(uint32_t),
    };
    conv->loop(&row);
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
                     char *output, char *sums)
{
    const size_t row_step = conv->geometry.shape.stride_height * conv->band_row_bytes;
    const size_t output_row = conv->geometry.out_width * output_bytes(conv);
    const bnn_range blocks = conv->loose ? (bnn_range){0, conv->blocks} : part->z;
    for (size_t y = part->y.begin; y < part->y.end; y++) {
        const char *windows = first + (y - part->y.begin) * row_step;
        for (size_t block = blocks.begin; block < blocks.end; block++)
            run_block(conv, windows, output + y * output_row, sums, block);
        if (conv->loose)
            conv->threshold_loop(&conv->limits.limits, sums,
                                 (uint64_t *)(void *)(output + y * output_row),
                                 conv->geometry.out_width);
    }
}

void bnn_input_conv_run(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_input_conv *conv = (const bnn_input_conv *)kernel;
    const bnn_geometry *geometry = &conv->geometry;
    const bnn_convolution *s = &geometry->shape;
    const bnn_part part =
        bnn_split_part(conv->split, call->thread, s->batch, geometry->out_height,
                       conv->loose ? 1 : conv->blocks);
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
    char *memory =
        (char *)call->workspace + (conv->band_bytes + conv->sum_bytes) * (size_t)call->thread;
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const char *image = (const char *)call->inputs[0] + n * s->height * conv->row_bytes;
        char *output = (char *)call->outputs[0] +
                       n * geometry->out_height * geometry->out_width * output_bytes(conv);
        const char *first = image + part.y.begin * s->stride_height * conv->row_bytes;
        if (!conv->in_place) {
            bnn_band_fill(&band, part.y, image, memory);
            first = memory;
        }
        run_rows(conv, &part, first, output, memory + conv->band_bytes);
    }
}
