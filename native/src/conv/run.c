#include "conv/conv.h"

#include "core/memory.h"

/* One row of outputs of one image. */
typedef struct {
    const uint64_t *windows; /* where the row's first output begins, group 0 */
    char *output;            /* of the row's first output */
    size_t row;
    int32_t *sums; /* of loose groups */
} place;

static void run_block(const bnn_binary_conv *conv, const place *at, size_t block)
{
    static const int32_t no_limits[BNN_BLOCK];
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t group = block / conv->group_blocks;
    const size_t within = block % conv->group_blocks * BNN_BLOCK;
    const size_t filter = group * conv->group_filters + within;
    const size_t left = conv->group_filters - within;
    bnn_row row = {
        .windows = at->windows + group * conv->group_words,
        .window_step = s->stride_width * conv->group_words * s->groups,
        .run_offsets = conv->run_offsets,
        .runs = conv->runs,
        .run_words = conv->run_words,
        .weights = conv->weights + block * conv->block_words,
        .limits = conv->limits + block * BNN_BLOCK,
        .limit_step = conv->limit_step,
        .classes = bnn_conv_classes(conv, at->row),
        .outputs = conv->geometry.out_width,
        .channels = left < BNN_BLOCK ? left : BNN_BLOCK,
        .output_step = bnn_conv_output_bytes(conv),
    };
    if (conv->loose) {
        row.limits = no_limits;
        row.limit_step = 0;
        row.output = at->sums + filter;
        row.output_step = s->filters * sizeof(int32_t);
        conv->rows->sums(&row);
    } else if (!conv->to_bits) {
        row.output = at->output + filter * sizeof(int32_t);
        conv->rows->sums(&row);
    } else {
        /* The last block of a pixel also clears the rest of its word. */
        bool clears = filter % BNN_WORD_BITS == 0 && filter + BNN_BLOCK >= s->filters;
        row.output = at->output + filter / 8;
        row.output_bytes = clears ? sizeof(uint64_t) : sizeof(uint32_t);
        conv->rows->bits(&row);
    }
}

/* Bits from the sums (-2 * mismatches) of all filters of one row. */
static void pack_row(const bnn_binary_conv *conv, const place *at)
{
    const size_t filters = conv->geometry.shape.filters;
    const uint16_t *of = bnn_conv_classes(conv, at->row);
    for (size_t x = 0; x < conv->geometry.out_width; x++) {
        const int32_t *limits = conv->limits + of[x] * conv->limit_step;
        const int32_t *sums = at->sums + x * filters;
        uint64_t *to = (uint64_t *)(void *)(at->output + x * bnn_conv_output_bytes(conv));
        for (size_t f = 0; f < filters; f += BNN_WORD_BITS) {
            uint64_t word = 0;
            for (size_t i = f; i < filters && i < f + BNN_WORD_BITS; i++)
                word |= (uint64_t)(-(sums[i] / 2) > limits[i]) << (i - f);
            *to++ = word;
        }
    }
}

/* The rows of one image, all blocks of a thread; weights of a block stay in the cache. */
static void run_rows(const bnn_binary_conv *conv, const bnn_part *part, const uint64_t *first,
                     char *output, int32_t *sums)
{
    const size_t row_step = conv->row_words * conv->geometry.shape.stride_height;
    const size_t output_row = conv->geometry.out_width * bnn_conv_output_bytes(conv);
    if (conv->loose) {
        for (size_t y = part->y.begin; y < part->y.end; y++) {
            const place at = {first + (y - part->y.begin) * row_step, output + y * output_row, y,
                              sums};
            for (size_t block = 0; block < conv->blocks; block++)
                run_block(conv, &at, block);
            pack_row(conv, &at);
        }
        return;
    }
    /* Threads with other blocks of the same rows write to the same cache lines: each begins at
     * another row. */
    const size_t rows = part->y.end - part->y.begin;
    const size_t start = rows * part->z.begin / conv->blocks;
    for (size_t block = part->z.begin; block < part->z.end; block++)
        for (size_t i = 0; i < rows; i++) {
            const size_t within = (start + i) % rows, y = part->y.begin + within;
            const place at = {first + within * row_step, output + y * output_row, y, NULL};
            run_block(conv, &at, block);
        }
}

/* One row of pixels with every group at the start of a word. */
static void copy_row(const void *context, const void *source, void *target)
{
    const bnn_binary_conv *conv = context;
    const bnn_convolution *s = &conv->geometry.shape;
    const size_t words = bnn_words(s->channels);
    if (!conv->regroups) {
        memcpy(target, source, s->width * words * sizeof(uint64_t));
        return;
    }
    const uint64_t *from = source;
    uint64_t *to = target;
    for (size_t x = 0; x < s->width; x++, from += words)
        for (size_t g = 0; g < s->groups; g++, to += conv->group_words)
            bnn_copy_bits(from, g * conv->group_channels, conv->group_channels, to);
}

void bnn_binary_conv_run(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_binary_conv *conv = (const bnn_binary_conv *)kernel;
    const bnn_geometry *geometry = &conv->geometry;
    const bnn_convolution *s = &geometry->shape;
    const bnn_part part =
        bnn_split_part(conv->split, call->thread, s->batch, geometry->out_height,
                       conv->loose ? 1 : conv->blocks);
    if (part.y.begin == part.y.end || part.z.begin == part.z.end)
        return;
    const size_t source_row = s->width * bnn_words(s->channels);
    const bnn_band band = {
        .geometry = geometry,
        .pixel_bytes = conv->group_words * s->groups * sizeof(uint64_t),
        .row_bytes = conv->row_words * sizeof(uint64_t),
        .padding = conv->padding,
        .source_row_bytes = source_row * sizeof(uint64_t),
        .copy_row = copy_row,
        .context = conv,
    };
    const size_t own = kernel->workspace_bytes / (size_t)kernel->threads;
    uint64_t *memory = (uint64_t *)(void *)((char *)call->workspace + own * (size_t)call->thread);
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const uint64_t *image = (const uint64_t *)call->inputs[0] + n * s->height * source_row;
        char *output = (char *)call->outputs[0] +
                       n * geometry->out_height * geometry->out_width * bnn_conv_output_bytes(conv);
        const uint64_t *first = image + part.y.begin * s->stride_height * source_row;
        if (!conv->in_place) {
            bnn_band_fill(&band, part.y, image, memory);
            first = memory;
        }
        if (conv->lookup != NULL)
            bnn_conv_lookup_run(conv, &part, first, output, (char *)(memory + conv->band_words));
        else
            run_rows(conv, &part, first, output, (int32_t *)(void *)(memory + conv->band_words));
    }
}
