/* Counts of 64 channels at once, bit-sliced: plane j of a counter holds bit j of the count of every
 * channel. Taps are added by full adders, comparing with limits walks the planes. Neighbouring
 * outputs lie side by side in a vector, one in a lane.
 */
#include "conv/depthwise_kernel.h"

#include "core/bits.h"
#include "core/unroll.h"

#include <string.h>

enum { LANES = 2 };

typedef uint64_t vector __attribute__((vector_size(8 * LANES)));

/* Neighbouring outputs: where the window of each begins, and its border class. Lanes without one
 * repeat the first. */
typedef struct {
    size_t count;
    const uint64_t *windows[LANES];
    size_t classes[LANES];
} pixels;

/* The same word, and then `offset` further, of every window. */
BNN_INLINE vector load(const pixels *at, size_t offset)
{
    return (vector){at->windows[0][offset], at->windows[1][offset]};
}

/* Add two bits to a sum; gives the carry. */
BNN_INLINE vector add(vector *sum, vector a, vector b)
{
    const vector either = *sum ^ a, carry = (*sum & a) | (either & b);
    *sum = either ^ b;
    return carry;
}

/* Add one bit to the planes from `first` on. */
BNN_INLINE void ripple(vector *counts, size_t first, const size_t planes, vector carry)
{
    for (size_t j = first; j < planes; j++) {
        const vector sum = counts[j] ^ carry;
        carry &= counts[j];
        counts[j] = sum;
    }
}

/* Mismatches of a word of channels; `planes` are at least two. */
BNN_INLINE void count(const bnn_depthwise *self, const pixels *at, size_t word, const size_t planes,
                      vector *counts)
{
    const uint64_t *weights = self->weights + word;
    const size_t *offsets = self->offsets, words = self->words, taps = self->taps;
    size_t t = 0;
#define TAP(i) (load(at, offsets[t + (i)] + word) ^ weights[(t + (i)) * words])
    for (size_t j = 0; j < planes; j++)
        counts[j] = (vector){0};
    for (; t + 4 <= taps; t += 4) {
        const vector first = add(&counts[0], TAP(0), TAP(1));
        const vector second = add(&counts[0], TAP(2), TAP(3));
        ripple(counts, 2, planes, add(&counts[1], first, second));
    }
    for (; t < taps; t++)
        ripple(counts, 0, planes, TAP(0));
#undef TAP
}

/* Channels whose count has reached its limit. */
BNN_INLINE vector reached(const bnn_depthwise *self, const pixels *at, size_t word,
                          const size_t planes, const vector *counts)
{
    const uint64_t *limits[LANES];
    for (size_t i = 0; i < LANES; i++)
        limits[i] = self->limits + (at->classes[i] * self->words + word) * planes;
    vector at_least = ~(vector){0};
    for (size_t j = 0; j < planes; j++) {
        const vector limit = {limits[0][j], limits[1][j]};
        const vector differ = counts[j] ^ limit;
        at_least = (counts[j] & differ) | (at_least & ~differ);
    }
    return at_least;
}

/* Eight bits to eight bytes. */
static uint64_t spread(uint64_t bits)
{
    const uint64_t each = (bits & 0xff) * 0x0101010101010101u & 0x8040201008040201u;
    return (each + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/* Of one lane: from planes to counts, a byte of eight planes at a time, to sums. */
static void store_sums(const vector *counts, size_t planes, size_t lane, const int32_t *full,
                       size_t channels, int32_t *to)
{
    memcpy(to, full, channels * sizeof *to);
    for (size_t first = 0; first < planes; first += 8) {
        uint8_t bytes[BNN_WORD_BITS];
        for (size_t c = 0; c < BNN_WORD_BITS; c += 8) {
            uint64_t eight = 0;
            for (size_t j = first; j < planes && j < first + 8; j++)
                eight |= spread(counts[j][lane] >> c) << (j - first);
            memcpy(bytes + c, &eight, sizeof eight);
        }
        for (size_t c = 0; c < channels; c++)
            to[c] -= (int32_t)bytes[c] << first << 1;
    }
}

/* One word of channels of some neighbouring outputs. */
BNN_INLINE void run_word(const bnn_depthwise *self, const pixels *at, size_t word,
                         const size_t planes, char *output, size_t step)
{
    const size_t channels = self->geometry.shape.channels, first = word * BNN_WORD_BITS;
    const size_t n = channels - first < BNN_WORD_BITS ? channels - first : BNN_WORD_BITS;
    vector counts[BNN_MOST_PLANES];
    count(self, at, word, planes, counts);
    if (self->to_bits) {
        const vector bits = reached(self, at, word, planes, counts) & bnn_low_bits(n);
        for (size_t i = 0; i < at->count; i++)
            ((uint64_t *)(void *)(output + i * step))[word] = bits[i];
        return;
    }
    for (size_t i = 0; i < at->count; i++)
        store_sums(counts, planes, i, self->full + at->classes[i] * channels + first, n,
                   (int32_t *)(void *)(output + i * step) + first);
}

static void run_pixels(const bnn_depthwise *self, const pixels *at, bnn_range words, char *output,
                       size_t step)
{
    for (size_t w = words.begin; w < words.end; w++)
        switch (self->planes) {
        case 4: run_word(self, at, w, 4, output, step); break; /* windows of 3 x 3 */
        case 5: run_word(self, at, w, 5, output, step); break; /* of 5 x 5 */
        default: run_word(self, at, w, self->planes, output, step);
        }
}

static size_t output_bytes(const bnn_depthwise *self)
{
    return self->to_bits ? self->words * sizeof(uint64_t)
                         : self->geometry.shape.channels * sizeof(int32_t);
}

/* One row of the product, of some words of channels. */
static void run_row(const bnn_depthwise *self, const uint64_t *windows, size_t y, bnn_range words,
                    char *output)
{
    const bnn_convolution *s = &self->geometry.shape;
    const size_t width = self->geometry.out_width, bytes = output_bytes(self);
    for (size_t x = 0; x < width; x += LANES) {
        pixels at = {.count = width - x < LANES ? width - x : LANES};
        for (size_t i = 0; i < LANES; i++) {
            const size_t column = x + (i < at.count ? i : 0);
            at.windows[i] = windows + column * s->stride_width * self->words;
            at.classes[i] = self->vertical.of[y] * self->horizontal.count +
                            self->horizontal.of[column];
        }
        run_pixels(self, &at, words, output + x * bytes, bytes);
    }
    const size_t first = words.begin * BNN_WORD_BITS, end = words.end * BNN_WORD_BITS;
    if (!self->to_bits)
        bnn_fused_scale_run(&self->scale, output + first * sizeof(float), width, first,
                            (end < s->channels ? end : s->channels) - first);
}

/* One row of outputs from the rows of its windows, which stay in the cache. */
static void run_pooled(const bnn_depthwise *self, const uint64_t *windows, size_t y,
                       bnn_range words, char *output, uint64_t *rows)
{
    const bnn_fused_pool *pool = &self->pool;
    const size_t row_step = self->geometry.shape.stride_height * self->row_words;
    for (size_t i = 0; i < pool->height; i++)
        run_row(self, windows + i * row_step, y * pool->stride_height + i, words,
                (char *)(rows + i * pool->source_columns * self->words));
    for (size_t w = words.begin; w < words.end; w++)
        bnn_fused_pool_run(pool, rows + w, self->words, w * BNN_WORD_BITS, 1,
                           output + w * sizeof *rows, output_bytes(self));
}

static void copy_row(const void *context, const void *source, void *target)
{
    const bnn_depthwise *self = context;
    memcpy(target, source, self->geometry.shape.width * self->words * sizeof(uint64_t));
}

void bnn_depthwise_run(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_depthwise *self = (const bnn_depthwise *)kernel;
    const bnn_geometry *g = &self->geometry;
    const bnn_convolution *s = &g->shape;
    const bnn_part part =
        bnn_split_part(self->split, call->thread, s->batch, self->pool.rows, self->words);
    if (part.y.begin == part.y.end || part.z.begin == part.z.end)
        return;
    const size_t source_row = s->width * self->words;
    const size_t output_row = self->pool.columns * output_bytes(self);
    const bnn_range rows = bnn_fused_pool_source(&self->pool, part.y);
    const bnn_band band = {g,
                           self->words * sizeof(uint64_t),
                           self->row_words * sizeof(uint64_t),
                           self->padding,
                           source_row * sizeof(uint64_t),
                           copy_row,
                           self};
    uint64_t *memory = (uint64_t *)call->workspace +
                       (self->band_words + self->pool_words) * (size_t)call->thread;
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const uint64_t *image = (const uint64_t *)call->inputs[0] + n * s->height * source_row;
        const uint64_t *row = image + rows.begin * s->stride_height * source_row;
        if (!self->in_place) {
            bnn_band_fill(&band, rows, image, memory);
            row = memory;
        }
        char *output =
            (char *)call->outputs[0] + (n * self->pool.rows + part.y.begin) * output_row;
        for (size_t y = part.y.begin; y < part.y.end; y++, output += output_row) {
            if (self->pool.is_on)
                run_pooled(self, row, y, part.z, output, memory + self->band_words);
            else
                run_row(self, row, y, part.z, output);
            row += self->pool.stride_height * s->stride_height * self->row_words;
        }
    }
}
