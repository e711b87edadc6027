/* Binary depthwise convolution: checks, and packing of weights and limits. */
#include "conv/depthwise.h"

#include "conv/depthwise_kernel.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/memory.h"

bool bnn_is_depthwise(const bnn_convolution *shape)
{
    return shape->groups > 1 && shape->groups == shape->channels &&
           shape->groups == shape->filters &&
           shape->kernel_height * shape->kernel_width + 1 < (size_t)1 << BNN_MOST_PLANES;
}

static void destroy(bnn_kernel *kernel)
{
    bnn_depthwise *self = (bnn_depthwise *)kernel;
    free(self->offsets);
    free(self->weights);
    free(self->padding);
    free(self->limits);
    free(self->full);
    bnn_border_destroy(&self->vertical);
    bnn_border_destroy(&self->horizontal);
    bnn_fused_pool_destroy(&self->pool);
    bnn_fused_scale_destroy(&self->scale);
    free(self);
}

/* What the taps outside the input add to the sum, reading +1. */
static int64_t outside(const bnn_depthwise *self, const int8_t *weights, bnn_taps rows,
                       bnn_taps columns)
{
    const bnn_convolution *s = &self->geometry.shape;
    int64_t sum = 0;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++)
            if (kh < rows.first || kh >= rows.end || kw < columns.first || kw >= columns.end)
                sum += weights[kh * s->kernel_width + kw];
    return sum;
}

typedef struct {
    const int8_t *weights;
    const int32_t *thresholds;
    const uint8_t *flips;
    bool zero_padding;
} parameters;

static void pack_channel(bnn_depthwise *self, const parameters *p, size_t c)
{
    const size_t word = c / BNN_WORD_BITS, bit = c % BNN_WORD_BITS;
    const int8_t *weights = p->weights + c * self->taps;
    const bool flip = p->thresholds != NULL && p->flips[c] != 0;
    for (size_t t = 0; t < self->taps; t++)
        self->weights[t * self->words + word] |= (uint64_t)((weights[t] < 0) != flip) << bit;
    size_t class = 0;
    for (size_t v = 0; v < self->vertical.count; v++)
        for (size_t h = 0; h < self->horizontal.count; h++, class++) {
            int64_t added = p->zero_padding ? outside(self, weights, self->vertical.ranges[v],
                                                      self->horizontal.ranges[h])
                                            : 0;
            int64_t full = (int64_t)self->taps - (flip ? -added : added);
            self->full[class * self->geometry.shape.channels + c] = (int32_t)full;
            if (p->thresholds == NULL)
                continue;
            uint64_t most = (uint64_t)self->taps + 1; /* never reached */
            int64_t limit = (int64_t)bnn_mismatch_limit(full, p->thresholds[c], flip) + 1;
            uint64_t least = (uint64_t)limit < most ? (uint64_t)limit : most;
            uint64_t *to = self->limits + (class * self->words + word) * self->planes;
            for (size_t j = 0; j < self->planes; j++)
                to[j] |= (least >> j & 1) << bit;
        }
}

static bool set_up(bnn_depthwise *self, bool zero_padding, const bnn_execution *execution)
{
    const bnn_geometry *g = &self->geometry;
    const bnn_convolution *s = &g->shape;
    self->words = bnn_words(s->channels);
    self->taps = s->kernel_height * s->kernel_width;
    while ((self->taps + 1) >> self->planes != 0)
        self->planes++;
    self->row_words = (s->width + s->pad_left + s->pad_right) * self->words;
    self->in_place = !g->padded;
    self->split = bnn_split_choose(execution, s->batch, self->pool.rows, self->words);
    self->pool_words = bnn_fused_pool_words(&self->pool, 1, self->words);
    if (!self->in_place) {
        const size_t most = (self->pool.rows + self->split.y - 1) / self->split.y;
        size_t rows = bnn_geometry_rows(g, bnn_fused_pool_span(&self->pool, most));
        self->band_words = bnn_round_up(rows * self->row_words, 8);
    }
    if (!bnn_border_create(&self->vertical, g->out_height, s->height, s->pad_top,
                           s->kernel_height, s->stride_height, s->dilation_height,
                           zero_padding) ||
        !bnn_border_create(&self->horizontal, g->out_width, s->width, s->pad_left,
                           s->kernel_width, s->stride_width, s->dilation_width, zero_padding))
        return false;
    const size_t classes = self->vertical.count * self->horizontal.count;
    const size_t weight_words = self->taps * self->words;
    const size_t limit_words = self->to_bits ? classes * self->words * self->planes : 0;
    self->offsets = bnn_allocate(self->taps * sizeof *self->offsets);
    self->weights = bnn_allocate(weight_words * sizeof *self->weights);
    self->padding = bnn_allocate(self->row_words * sizeof *self->padding);
    self->limits = bnn_allocate(limit_words * sizeof *self->limits);
    self->full = bnn_allocate(classes * s->channels * sizeof *self->full);
    if (!self->offsets || !self->weights || !self->padding || !self->limits || !self->full)
        return false;
    for (size_t t = 0; t < self->taps; t++)
        self->offsets[t] = t / s->kernel_width * s->dilation_height * self->row_words +
                           t % s->kernel_width * s->dilation_width * self->words;
    self->base.weight_bytes =
        (weight_words + self->row_words + limit_words) * sizeof(uint64_t) +
        classes * s->channels * sizeof(int32_t) + self->taps * sizeof(size_t) +
        bnn_fused_pool_bytes(&self->pool, s->channels) + bnn_fused_scale_bytes(&self->scale);
    self->base.workspace_bytes =
        (size_t)execution->threads * (self->band_words + self->pool_words) * sizeof(uint64_t);
    return true;
}

bnn_status bnn_depthwise_create(const bnn_geometry *geometry, int pad_value,
                                const int8_t *weights, const bnn_fusion *fusion,
                                const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_fused_pool pool;
    const bnn_status status =
        bnn_fused_pool_create(&pool, &fusion->pool, geometry, "depthwise convolution");
    if (status != BNN_OK)
        return status;
    bnn_depthwise *self = bnn_allocate(sizeof *self);
    if (self == NULL) {
        bnn_fused_pool_destroy(&pool);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a depthwise convolution");
    }
    self->base = (bnn_kernel){
        .run = bnn_depthwise_run,
        .destroy = destroy,
        .phases = 1,
        .threads = execution->threads,
    };
    self->geometry = *geometry;
    self->to_bits = fusion->thresholds != NULL;
    self->pool = pool;
    if (!bnn_fused_scale_create(&self->scale, fusion, geometry->shape.channels, BNN_INT32,
                                execution) ||
        !set_up(self, pad_value == 0, execution)) {
        destroy(&self->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a depthwise convolution");
    }
    const parameters p = {weights, fusion->thresholds, fusion->flips, pad_value == 0};
    for (size_t c = 0; c < geometry->shape.channels; c++)
        pack_channel(self, &p, c);
    for (size_t i = 0; pad_value == -1 && i < self->row_words; i++)
        self->padding[i] = ~(uint64_t)0; /* tails are cut from the results */
    *kernel = &self->base;
    return BNN_OK;
}
