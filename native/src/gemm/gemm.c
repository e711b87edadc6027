/* Binary dense layers: vectors in a batch are the outputs of one row. */
#include "core/limits.h"
#include "count/rows.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/split.h"
#include "lookup/choose.h"
#include "gemm/lookup.h"

#include <bnnplan/binary.h>

/* Sums, and twice the mismatches, stay within 32 bits. */
enum { MOST_CHANNELS = 1 << 29, MOST_EXTENT = 1 << 24 };

typedef struct {
    bnn_kernel base;
    const bnn_row_kernels *rows;
    bnn_split split;
    size_t batch, filters, words, blocks, block_words;
    bool to_bits;
    uint64_t *weights; /* [blocks][words][width of the block] */
    int32_t *limits;   /* [blocks][BNN_BLOCK] */
    uint16_t *classes; /* of each vector: all 0 */
} dense;

static void run(const bnn_kernel *kernel, const bnn_call *call)
{
    static const size_t start = 0;
    const dense *self = (const dense *)kernel;
    const bnn_part part =
        bnn_split_part(self->split, call->thread, self->batch, 1, self->blocks);
    if (part.x.begin == part.x.end)
        return;
    const size_t out_bytes = self->to_bits ? bnn_words(self->filters) * sizeof(uint64_t)
                                           : self->filters * sizeof(int32_t);
    for (size_t block = part.z.begin; block < part.z.end; block++) {
        const size_t filter = block * BNN_BLOCK;
        const size_t left = self->filters - filter;
        char *output = (char *)call->outputs[0] + part.x.begin * out_bytes;
        bool clears = filter % BNN_WORD_BITS == 0 && left <= BNN_BLOCK;
        bnn_row row = {
            .windows = (const uint64_t *)call->inputs[0] + part.x.begin * self->words,
            .window_step = self->words,
            .run_offsets = &start,
            .runs = 1,
            .run_words = self->words,
            .weights = self->weights + block * self->block_words,
            .limits = self->limits + filter,
            .classes = self->classes,
            .outputs = part.x.end - part.x.begin,
            .channels = left < BNN_BLOCK ? left : BNN_BLOCK,
            .output = output + (self->to_bits ? filter / 8 : filter * sizeof(int32_t)),
            .output_step = out_bytes,
            .output_bytes = clears ? sizeof(uint64_t) : sizeof(uint32_t),
        };
        if (self->to_bits)
            self->rows->bits(&row);
        else
            self->rows->sums(&row);
    }
}

static void destroy(bnn_kernel *kernel)
{
    dense *self = (dense *)kernel;
    free(self->weights);
    free(self->limits);
    free(self->classes);
    free(self);
}

static void pack(dense *self, size_t channels, const int8_t *weights, const int32_t *thresholds,
                 const uint8_t *flips)
{
    for (size_t i = 0; i < self->blocks * BNN_BLOCK; i++)
        self->limits[i] = INT32_MAX; /* lanes without a filter never give bit 1 */
    for (size_t f = 0; f < self->filters; f++) {
        const size_t block = f / BNN_BLOCK;
        const size_t left = self->filters - block * BNN_BLOCK;
        const size_t width = bnn_row_width(left < BNN_BLOCK ? left : BNN_BLOCK);
        const bool flip = thresholds != NULL && flips[f] != 0;
        const int8_t *from = weights + f * channels;
        uint64_t *to = self->weights + block * self->block_words + f % BNN_BLOCK;
        for (size_t c = 0; c < channels; c += BNN_WORD_BITS, to += width) {
            size_t n = channels - c < BNN_WORD_BITS ? channels - c : BNN_WORD_BITS;
            uint64_t word = bnn_sign_bits(from + c, n);
            *to = flip ? ~word & bnn_low_bits(n) : word;
        }
        self->limits[f] = thresholds == NULL
                              ? (int32_t)channels
                              : bnn_mismatch_limit((int64_t)channels, thresholds[f], flip);
    }
}

bnn_status bnn_binary_dense_create(size_t batch, size_t channels, size_t filters,
                                   const int8_t *weights, const int32_t *thresholds,
                                   const uint8_t *flips, const bnn_execution *execution,
                                   bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    size_t elements = channels;
    if (batch < 1 || batch > MOST_EXTENT || channels < 1 || channels > MOST_CHANNELS ||
        filters < 1 || filters > MOST_EXTENT || !bnn_multiply(&elements, filters) ||
        !bnn_multiply(&elements, batch))
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "binary dense: %zu vectors of %zu channels and %zu filters cannot be",
                        batch, channels, filters);
    if (weights == NULL || kernel == NULL || (thresholds == NULL) != (flips == NULL))
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "binary dense: weights, or one of thresholds and flips, are missing");
    const bnn_convolution pixel = {.channels = channels,
                                   .filters = filters,
                                   .kernel_height = 1,
                                   .kernel_width = 1,
                                   .groups = 1};
    const bnn_lookup_kernels *lookup;
    status = bnn_lookup_choose(execution, isa, &pixel, thresholds != NULL, batch, &lookup);
    if (status != BNN_OK)
        return status;
    if (lookup != NULL)
        return bnn_lookup_dense_create(batch, channels, filters, weights, thresholds, flips,
                                       execution, lookup, kernel);
    dense *self = bnn_allocate(sizeof *self);
    if (self == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a binary dense layer");
    self->rows = bnn_rows_select(isa);
    self->batch = batch;
    self->filters = filters;
    self->words = bnn_words(channels);
    self->blocks = (filters + BNN_BLOCK - 1) / BNN_BLOCK;
    self->block_words = self->words * bnn_row_width(filters < BNN_BLOCK ? filters : BNN_BLOCK);
    self->to_bits = thresholds != NULL;
    self->split = bnn_split_choose(execution, batch, 1, self->blocks);
    const size_t weight_bytes = self->blocks * self->block_words * sizeof(uint64_t);
    const size_t limit_bytes = self->blocks * BNN_BLOCK * sizeof(int32_t);
    self->base = (bnn_kernel){
        .run = run,
        .destroy = destroy,
        .weight_bytes = weight_bytes + limit_bytes + batch * sizeof(uint16_t),
        .phases = 1,
        .threads = execution->threads,
    };
    self->weights = bnn_allocate(weight_bytes);
    self->limits = bnn_allocate(limit_bytes);
    self->classes = bnn_allocate(batch * sizeof(uint16_t));
    if (self->weights == NULL || self->limits == NULL || self->classes == NULL) {
        destroy(&self->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a binary dense layer");
    }
    pack(self, channels, weights, thresholds, flips);
    *kernel = &self->base;
    return BNN_OK;
}
