/* Binary dense layers: vectors in a batch are the outputs of one row. */
#include "gemm/gemm.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/signs.h"
#include "fuse/fusion.h"
#include "gemm/lookup.h"
#include "lookup/choose.h"

/* Sums, and twice the mismatches, stay within 32 bits. */
enum { MOST_CHANNELS = 1 << 29, MOST_EXTENT = 1 << 24 };

typedef bnn_binary_dense dense;

/* Some vectors times one block of filters; `output` is that of the first of either. */
static void run_rows(const dense *self, size_t block, const uint64_t *vectors, size_t count,
                     char *output, size_t output_step)
{
    static const size_t start = 0;
    const size_t filter = block * self->block, left = self->filters - filter;
    const bnn_row row = {
        .windows = vectors,
        .window_step = self->words,
        .run_offsets = &start,
        .runs = 1,
        .run_words = self->words,
        .weights = (const void *)(self->weights + block * self->block_bytes),
        .limits = self->limits + filter,
        .classes = self->classes,
        .outputs = count,
        .channels = left < self->block ? left : self->block,
        .output = output,
        .output_step = output_step,
        .output_bytes = bnn_half_bytes(filter, self->filters),
    };
    if (self->to_bits)
        self->rows->bits(&row);
    else
        self->rows->sums(&row);
}

/* The same, one vector after the other: all but the first find the weights in a cache. */
static void run_vectors(const dense *self, size_t block, const uint64_t *vectors, size_t count,
                        char *output, size_t output_step)
{
    const size_t filter = block * self->block, left = self->filters - filter;
    bnn_gemv gemv = {
        .vector = vectors,
        .units = self->units,
        .weights = self->weights + block * self->block_bytes,
        .limits = self->limits + filter,
        .filters = left < self->block ? left : self->block,
        .output = output,
    };
    for (size_t i = 0; i < count; i++) {
        if (self->to_bits)
            self->gemv->bits(&gemv);
        else
            self->gemv->sums(&gemv);
        gemv.vector += self->words;
        gemv.output = (char *)gemv.output + output_step;
    }
}

static void run(const bnn_kernel *kernel, const bnn_call *call)
{
    const dense *self = (const dense *)kernel;
    const bnn_part part =
        bnn_split_part(self->split, call->thread, self->batch, 1, self->blocks);
    const size_t count = part.x.end - part.x.begin;
    if (count == 0)
        return;
    const size_t step = self->to_bits ? bnn_words(self->filters) * sizeof(uint64_t)
                                      : self->filters * sizeof(int32_t);
    const uint64_t *vectors = (const uint64_t *)call->inputs[0] + part.x.begin * self->words;
    for (size_t block = part.z.begin; block < part.z.end; block++) {
        const size_t filter = block * self->block, left = self->filters - filter;
        char *output = (char *)call->outputs[0] + part.x.begin * step +
                       (self->to_bits ? filter / 8 : filter * sizeof(int32_t));
        if (self->gemv != NULL)
            run_vectors(self, block, vectors, count, output, step);
        else
            run_rows(self, block, vectors, count, output, step);
        if (!self->to_bits)
            bnn_fused_scale_run(&self->scale, output, count, filter,
                                left < self->block ? left : self->block);
    }
}

static void destroy(bnn_kernel *kernel)
{
    dense *self = (dense *)kernel;
    free(self->weights);
    free(self->limits);
    free(self->classes);
    bnn_fused_scale_destroy(&self->scale);
    free(self);
}

bnn_status bnn_binary_dense_create(size_t batch, size_t channels, size_t filters,
                                   const int8_t *weights, const bnn_fusion *fusion,
                                   const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_fusion fused;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status == BNN_OK)
        status = bnn_fusion_check(fusion, "binary dense", &fused);
    if (status != BNN_OK)
        return status;
    size_t weight_count = channels, input_count = channels, output_count = filters;
    if (batch < 1 || batch > MOST_EXTENT || channels < 1 || channels > MOST_CHANNELS ||
        filters < 1 || filters > MOST_EXTENT || !bnn_multiply(&weight_count, filters) ||
        !bnn_multiply(&input_count, batch) || !bnn_multiply(&output_count, batch))
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "binary dense: %zu vectors of %zu channels and %zu filters cannot be",
                        batch, channels, filters);
    if (fused.pool.height != 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "binary dense: vectors have nothing to pool");
    if (weights == NULL || kernel == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "binary dense: weights, or where to put the kernel, are missing");
    if (!bnn_are_signs(weights, weight_count))
        return bnn_fail(BNN_BAD_ARGUMENT, "binary dense: every weight must be 1 or -1");
    const bnn_convolution pixel = {.channels = channels,
                                   .filters = filters,
                                   .kernel_height = 1,
                                   .kernel_width = 1,
                                   .groups = 1};
    const bnn_lookup_kernels *lookup;
    status = bnn_lookup_choose(execution, isa, &pixel, batch, &lookup);
    if (status != BNN_OK)
        return status;
    if (lookup != NULL)
        return bnn_lookup_dense_create(batch, channels, filters, weights, &fused, execution,
                                       lookup, kernel);
    dense *self = bnn_allocate(sizeof *self);
    if (self == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a binary dense layer");
    self->rows = bnn_rows_select(isa);
    self->gemv = bnn_gemv_select(isa, batch, filters);
    self->batch = batch;
    self->filters = filters;
    self->words = bnn_words(channels);
    self->to_bits = fused.thresholds != NULL;
    bnn_binary_dense_lay_out(self, channels, execution);
    const size_t weight_bytes = self->blocks * self->block_bytes;
    const size_t limit_bytes = self->blocks * self->block * sizeof *self->limits;
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
    if (self->weights == NULL || self->limits == NULL || self->classes == NULL ||
        !bnn_fused_scale_create(&self->scale, &fused, filters, BNN_INT32, execution)) {
        destroy(&self->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a binary dense layer");
    }
    self->base.weight_bytes += bnn_fused_scale_bytes(&self->scale);
    bnn_binary_dense_pack(self, channels, weights, fused.thresholds, fused.flips);
    *kernel = &self->base;
    return BNN_OK;
}
