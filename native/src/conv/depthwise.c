/* Counts of 64 channels at once, bit-sliced: plane j of a counter holds bit j of the count of every
 * channel. Adding a tap is a ripple of half adders, comparing with limits walks the planes.
 */
#include "conv/depthwise.h"

#include "conv/border.h"
#include "core/limits.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"

enum { MOST_PLANES = 16 };

typedef struct {
    bnn_kernel base;
    bnn_geometry geometry;
    bnn_split split;
    bool to_bits;
    bool in_place; /* windows are read from the input itself, without a band */
    size_t words;  /* of a pixel */
    size_t taps;
    size_t planes; /* of a count, and of a limit: taps + 1 fits */
    size_t row_words, band_words;
    size_t *offsets;   /* words from a window's start to each tap */
    uint64_t *weights; /* [taps][words] */
    uint64_t *padding; /* one band row */
    uint64_t *limits;  /* [classes][words][planes]: bit 1 from so many mismatches on */
    int32_t *full;     /* [classes][channels]: the sum without mismatches */
    bnn_border vertical, horizontal;
} depthwise;

bool bnn_is_depthwise(const bnn_convolution *shape)
{
    return shape->groups > 1 && shape->groups == shape->channels &&
           shape->groups == shape->filters &&
           shape->kernel_height * shape->kernel_width + 1 < (size_t)1 << MOST_PLANES;
}

static void count(const depthwise *self, const uint64_t *window, size_t word, uint64_t *counts)
{
    for (size_t j = 0; j < self->planes; j++)
        counts[j] = 0;
    size_t used = 1; /* planes that the count so far can reach */
    for (size_t t = 0; t < self->taps; t++) {
        if (t + 1 >= (size_t)1 << used)
            used++;
        uint64_t carry =
            window[self->offsets[t] + word] ^ self->weights[t * self->words + word];
        for (size_t j = 0; j < used; j++) {
            uint64_t sum = counts[j] ^ carry;
            carry &= counts[j];
            counts[j] = sum;
        }
    }
}

/* Channels whose count has reached its limit. */
static uint64_t reached(const depthwise *self, const uint64_t *counts, const uint64_t *limits)
{
    uint64_t at_least = ~(uint64_t)0;
    for (size_t j = 0; j < self->planes; j++) {
        uint64_t differ = counts[j] ^ limits[j];
        at_least = (counts[j] & differ) | (at_least & ~differ);
    }
    return at_least;
}

static void store_sums(const depthwise *self, const uint64_t *counts, const int32_t *full,
                       size_t channels, int32_t *to)
{
    for (size_t c = 0; c < channels; c++) {
        int32_t mismatches = 0;
        for (size_t j = 0; j < self->planes; j++)
            mismatches |= (int32_t)(counts[j] >> c & 1) << j;
        to[c] = full[c] - 2 * mismatches;
    }
}

static void run_pixel(const depthwise *self, const uint64_t *window, size_t class,
                      bnn_range words, void *output)
{
    const size_t channels = self->geometry.shape.channels;
    for (size_t w = words.begin; w < words.end; w++) {
        uint64_t counts[MOST_PLANES];
        count(self, window, w, counts);
        const size_t first = w * BNN_WORD_BITS, left = channels - first;
        const size_t n = left < BNN_WORD_BITS ? left : BNN_WORD_BITS;
        if (self->to_bits) {
            const uint64_t *limits = self->limits + (class * self->words + w) * self->planes;
            ((uint64_t *)output)[w] = reached(self, counts, limits) & bnn_low_bits(n);
        } else {
            store_sums(self, counts, self->full + class * channels + first, n,
                       (int32_t *)output + first);
        }
    }
}

static void copy_row(const void *context, const void *source, void *target)
{
    const depthwise *self = context;
    memcpy(target, source, self->geometry.shape.width * self->words * sizeof(uint64_t));
}

static void run(const bnn_kernel *kernel, const bnn_call *call)
{
    const depthwise *self = (const depthwise *)kernel;
    const bnn_geometry *g = &self->geometry;
    const bnn_convolution *s = &g->shape;
    const bnn_part part =
        bnn_split_part(self->split, call->thread, s->batch, g->out_height, self->words);
    if (part.y.begin == part.y.end || part.z.begin == part.z.end)
        return;
    const size_t source_row = s->width * self->words;
    const size_t pixel_bytes = self->words * sizeof(uint64_t);
    const size_t out_bytes = self->to_bits ? pixel_bytes : s->channels * sizeof(int32_t);
    const bnn_band band = {g,
                           pixel_bytes,
                           self->row_words * sizeof(uint64_t),
                           self->padding,
                           source_row * sizeof(uint64_t),
                           copy_row,
                           self};
    uint64_t *memory = (uint64_t *)call->workspace + self->band_words * (size_t)call->thread;
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const uint64_t *image = (const uint64_t *)call->inputs[0] + n * s->height * source_row;
        const uint64_t *row = image + part.y.begin * s->stride_height * source_row;
        if (!self->in_place) {
            bnn_band_fill(&band, part.y, image, memory);
            row = memory;
        }
        char *output = (char *)call->outputs[0] +
                       (n * g->out_height + part.y.begin) * g->out_width * out_bytes;
        for (size_t y = part.y.begin; y < part.y.end; y++, row += s->stride_height * self->row_words)
            for (size_t x = 0; x < g->out_width; x++, output += out_bytes) {
                size_t class = self->vertical.of[y] * self->horizontal.count +
                               self->horizontal.of[x];
                run_pixel(self, row + x * s->stride_width * self->words, class, part.z, output);
            }
    }
}

static void destroy(bnn_kernel *kernel)
{
    depthwise *self = (depthwise *)kernel;
    free(self->offsets);
    free(self->weights);
    free(self->padding);
    free(self->limits);
    free(self->full);
    bnn_border_destroy(&self->vertical);
    bnn_border_destroy(&self->horizontal);
    free(self);
}

/* What the taps outside the input add to the sum, reading +1. */
static int64_t outside(const depthwise *self, const int8_t *weights, bnn_taps rows,
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

static void pack_channel(depthwise *self, const parameters *p, size_t c)
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

static bool set_up(depthwise *self, bool zero_padding, const bnn_execution *execution)
{
    const bnn_geometry *g = &self->geometry;
    const bnn_convolution *s = &g->shape;
    self->words = bnn_words(s->channels);
    self->taps = s->kernel_height * s->kernel_width;
    while ((self->taps + 1) >> self->planes != 0)
        self->planes++;
    self->row_words = (s->width + s->pad_left + s->pad_right) * self->words;
    self->in_place = !g->padded;
    self->split = bnn_split_choose(execution, s->batch, g->out_height, self->words);
    if (!self->in_place) {
        size_t rows = bnn_geometry_rows(g, (g->out_height + self->split.y - 1) / self->split.y);
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
        classes * s->channels * sizeof(int32_t) + self->taps * sizeof(size_t);
    self->base.workspace_bytes =
        (size_t)execution->threads * self->band_words * sizeof(uint64_t);
    return true;
}

bnn_status bnn_depthwise_create(const bnn_geometry *geometry, int pad_value,
                                const int8_t *weights, const int32_t *thresholds,
                                const uint8_t *flips, const bnn_execution *execution,
                                bnn_kernel **kernel)
{
    depthwise *self = bnn_allocate(sizeof *self);
    if (self == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a depthwise convolution");
    self->base = (bnn_kernel){
        .run = run,
        .destroy = destroy,
        .phases = 1,
        .threads = execution->threads,
    };
    self->geometry = *geometry;
    self->to_bits = thresholds != NULL;
    if (!set_up(self, pad_value == 0, execution)) {
        destroy(&self->base);
        return bnn_fail(BNN_NO_MEMORY, "no memory for the weights of a depthwise convolution");
    }
    const parameters p = {weights, thresholds, flips, pad_value == 0};
    for (size_t c = 0; c < geometry->shape.channels; c++)
        pack_channel(self, &p, c);
    for (size_t i = 0; pad_value == -1 && i < self->row_words; i++)
        self->padding[i] = ~(uint64_t)0; /* tails are cut from the results */
    *kernel = &self->base;
    return BNN_OK;
}
