#include "gemm/lookup.h"

#include "core/limits.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"
#include "gemm/gemm.h"
#include "lookup/weights.h"

enum { TILE_PAIRS = 32, TILE = 2 * TILE_PAIRS };

typedef struct {
    bnn_kernel base;
    const bnn_lookup_kernels *kernels;
    bnn_split split;
    size_t batch, filters, words, blocks;
    bool to_bits;
    bnn_lookup_weights weights;
    int32_t *full;   /* [blocks][BNN_LOOKUP_BLOCK], for sums */
    uint16_t *least; /* the same, for bits */
    size_t starts[TILE_PAIRS];
    size_t index_bytes;
    bnn_fused_scale scale;
} dense;

static const uint16_t one_class[TILE];

static void finish_block(const dense *self, size_t block, const uint16_t *counts,
                         size_t outputs, char *output)
{
    const size_t filter = block * BNN_LOOKUP_BLOCK, left = self->filters - filter;
    const size_t filters = left < BNN_LOOKUP_BLOCK ? left : BNN_LOOKUP_BLOCK;
    bnn_lookup_finish finish = {
        .counts = counts,
        .outputs = outputs,
        .classes = one_class,
        .filters = filters,
    };
    if (self->to_bits) {
        finish.least = self->least + filter;
        finish.output = output + filter / 8;
        finish.output_step = bnn_words(self->filters) * sizeof(uint64_t);
        self->kernels->bits(&finish);
    } else {
        finish.full = self->full + filter;
        finish.output = output + filter * sizeof(int32_t);
        finish.output_step = self->filters * sizeof(int32_t);
        self->kernels->sums(&finish);
        bnn_fused_scale_run(&self->scale, finish.output, outputs, filter, filters);
    }
}

/* Neighbouring blocks. */
static void run_blocks(const dense *self, size_t block, size_t blocks, const uint16_t *index,
                       uint16_t *counts, size_t outputs, char *output)
{
    const size_t left = self->filters - block * BNN_LOOKUP_BLOCK;
    const bnn_lookup_tile tile = {
        .index = index,
        .starts = self->starts,
        .pairs = (outputs + 1) / 2,
        .segments = self->weights.segments,
        .segment_count = self->weights.segment_count,
        .weights = self->weights.nibbles + block * self->weights.block_bytes,
        .block_bytes = self->weights.block_bytes,
        .blocks = blocks,
        .filters = left < BNN_LOOKUP_BLOCK ? left : BNN_LOOKUP_BLOCK,
        .counts = counts,
    };
    self->kernels->count(&tile);
    for (size_t b = 0; b < blocks; b++)
        finish_block(self, block + b, counts + b * tile.pairs * 2 * BNN_LOOKUP_BLOCK, outputs,
                     output);
}

/* The index of some vectors, paired as they come. */
static void index_vectors(const dense *self, const uint64_t *vectors, size_t count,
                          uint16_t *index)
{
    const size_t groups = self->weights.tap_groups, pairs = (count + 1) / 2;
    bnn_pixel_pair places[TILE_PAIRS];
    for (size_t i = 0; i < pairs; i++) {
        /* The last vector of an odd number is paired with itself. */
        const size_t second = 2 * i + 1 < count ? 2 * i + 1 : 2 * i;
        places[i] = (bnn_pixel_pair){2 * i * self->words, second * self->words};
    }
    self->kernels->index(vectors, places, pairs, groups, index);
    memset(index + pairs * groups, 0, BNN_LOOKUP_STEP * sizeof *index);
}

static void run(const bnn_kernel *kernel, const bnn_call *call)
{
    const dense *self = (const dense *)kernel;
    const bnn_part part =
        bnn_split_part(self->split, call->thread, self->batch, 1, self->blocks);
    const size_t out_bytes = self->to_bits ? bnn_words(self->filters) * sizeof(uint64_t)
                                           : self->filters * sizeof(int32_t);
    const size_t own = kernel->workspace_bytes / (size_t)kernel->threads;
    char *memory = (char *)call->workspace + own * (size_t)call->thread;
    uint16_t *index = (uint16_t *)(void *)memory;
    uint16_t *counts = (uint16_t *)(void *)(memory + self->index_bytes);
    for (size_t at = part.x.begin; at < part.x.end; at += TILE) {
        const size_t left = part.x.end - at, count = left < TILE ? left : TILE;
        index_vectors(self, (const uint64_t *)call->inputs[0] + at * self->words, count, index);
        for (size_t block = part.z.begin, blocks; block < part.z.end; block += blocks) {
            blocks = bnn_lookup_blocks(self->kernels, part.z.end - block,
                                       self->filters - block * BNN_LOOKUP_BLOCK);
            run_blocks(self, block, blocks, index, counts, count,
                       (char *)call->outputs[0] + at * out_bytes);
        }
    }
}

static void destroy(bnn_kernel *kernel)
{
    dense *self = (dense *)kernel;
    bnn_lookup_weights_destroy(&self->weights);
    free(self->full);
    free(self->least);
    bnn_fused_scale_destroy(&self->scale);
    free(self);
}

/* `words` has room for the weights of a filter. */
static void pack(dense *self, size_t channels, const int8_t *weights, const int32_t *thresholds,
                 const uint8_t *flips, uint64_t *words)
{
    for (size_t i = 0; self->to_bits && i < self->blocks * BNN_LOOKUP_BLOCK; i++)
        self->least[i] = bnn_lookup_least(INT32_MAX); /* lanes without a filter */
    for (size_t f = 0; f < self->filters; f++, weights += channels) {
        const size_t block = f / BNN_LOOKUP_BLOCK;
        const size_t left = self->filters - block * BNN_LOOKUP_BLOCK;
        const bool flip = self->to_bits && flips[f] != 0;
        for (size_t c = 0; c < channels; c += BNN_WORD_BITS) {
            const size_t n = channels - c < BNN_WORD_BITS ? channels - c : BNN_WORD_BITS;
            const uint64_t word = bnn_sign_bits(weights + c, n);
            words[c / BNN_WORD_BITS] = flip ? ~word & bnn_low_bits(n) : word;
        }
        bnn_lookup_weights_put(&self->weights, block, left, f % BNN_LOOKUP_BLOCK, 0, 1, words);
        if (self->to_bits)
            self->least[bnn_lookup_place(f)] = bnn_lookup_least(
                bnn_mismatch_limit((int64_t)channels, thresholds[f], flip));
        else
            self->full[f] = (int32_t)channels;
    }
}

static bool set_up(dense *self, size_t channels, const bnn_execution *execution)
{
    static const size_t start = 0;
    const size_t lanes = self->blocks * BNN_LOOKUP_BLOCK;
    bnn_lookup_weights *weights = &self->weights;
    weights->runs = weights->run_taps = 1;
    weights->tap_groups = (channels + BNN_LOOKUP_GROUP - 1) / BNN_LOOKUP_GROUP;
    for (size_t i = 0; i < TILE_PAIRS; i++)
        self->starts[i] = i * weights->tap_groups;
    const size_t most = self->batch < TILE ? self->batch : TILE, pairs = (most + 1) / 2;
    self->index_bytes = bnn_round_up(
        (pairs * weights->tap_groups + BNN_LOOKUP_STEP) * sizeof(uint16_t), BNN_ALIGNMENT);
    self->base.workspace_bytes =
        (size_t)execution->threads *
        (self->index_bytes +
         self->kernels->most_blocks * pairs * 2 * BNN_LOOKUP_BLOCK * sizeof(uint16_t));
    if (self->to_bits)
        self->least = bnn_allocate(lanes * sizeof *self->least);
    else
        self->full = bnn_allocate(lanes * sizeof *self->full);
    if (!bnn_lookup_weights_create(weights, &start, self->blocks,
                                   self->filters < BNN_LOOKUP_BLOCK ? self->filters
                                                                    : BNN_LOOKUP_BLOCK))
        return false;
    self->base.weight_bytes =
        weights->bytes + lanes * (self->to_bits ? sizeof *self->least : sizeof *self->full);
    return self->least != NULL || self->full != NULL;
}

bnn_status bnn_lookup_dense_create(size_t batch, size_t channels, size_t filters,
                                   const int8_t *weights, const bnn_fusion *fusion,
                                   const bnn_execution *execution,
                                   const bnn_lookup_kernels *kernels, bnn_kernel **kernel)
{
    dense *self = bnn_allocate(sizeof *self);
    uint64_t *words = bnn_allocate(bnn_words(channels) * sizeof *words);
    if (self == NULL || words == NULL) {
        free(self);
        free(words);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a binary dense layer");
    }
    self->base = (bnn_kernel){
        .run = run,
        .destroy = destroy,
        .phases = 1,
        .threads = execution->threads,
    };
    self->kernels = kernels;
    self->batch = batch;
    self->filters = filters;
    self->words = bnn_words(channels);
    self->blocks = (filters + BNN_LOOKUP_BLOCK - 1) / BNN_LOOKUP_BLOCK;
    self->to_bits = fusion->thresholds != NULL;
    self->split = bnn_dense_split(execution, batch, self->blocks);
    const bool made =
        set_up(self, channels, execution) &&
        bnn_fused_scale_create(&self->scale, fusion, filters, BNN_INT32, execution);
    if (made) {
        self->base.weight_bytes += bnn_fused_scale_bytes(&self->scale);
        pack(self, channels, weights, fusion->thresholds, fusion->flips, words);
    }
    free(words);
    if (!made) {
        destroy(&self->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a binary dense layer");
    }
    *kernel = &self->base;
    return BNN_OK;
}
