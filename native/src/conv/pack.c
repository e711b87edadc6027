#include "conv/conv.h"

#include "core/memory.h"

typedef struct {
    bnn_binary_conv *conv;
    const int8_t *weights;
    const int32_t *thresholds;
    const uint8_t *flips;
    bool zero_padding;
} packing;

static size_t tap_channels(const packing *p)
{
    return p->conv->group_channels / p->conv->merged;
}

static const int8_t *tap(const packing *p, size_t filter, size_t kh, size_t kw)
{
    const bnn_convolution *s = &p->conv->geometry.shape;
    size_t index = (filter * s->kernel_height + kh) * s->kernel_width + kw;
    return p->weights + index * tap_channels(p);
}

static bool flipped(const packing *p, size_t filter)
{
    return p->thresholds != NULL && p->flips[filter] != 0;
}

static void pack_weights(const packing *p, size_t filter, uint64_t *to, size_t width)
{
    const bnn_binary_conv *conv = p->conv;
    const bnn_convolution *s = &conv->geometry.shape;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++)
            for (size_t c = 0; c < tap_channels(p); c += BNN_WORD_BITS, to += width) {
                size_t left = tap_channels(p) - c;
                size_t n = left < BNN_WORD_BITS ? left : BNN_WORD_BITS;
                uint64_t word = bnn_sign_bits(tap(p, filter, kh, kw) + c, n);
                *to = flipped(p, filter) ? ~word & bnn_low_bits(n) : word;
            }
}

/* What the taps outside the input add to the sum, reading +1. */
static int64_t outside(const packing *p, size_t filter, bnn_taps rows, bnn_taps columns)
{
    const bnn_convolution *s = &p->conv->geometry.shape;
    int64_t sum = 0;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++) {
            bool within = kh >= rows.first && kh < rows.end && kw >= columns.first &&
                          kw < columns.end;
            for (size_t c = 0; !within && c < tap_channels(p); c++)
                sum += tap(p, filter, kh, kw)[c];
        }
    return flipped(p, filter) ? -sum : sum;
}

static int32_t limit(const packing *p, size_t filter, bnn_taps rows, bnn_taps columns)
{
    const bnn_convolution *s = &p->conv->geometry.shape;
    int64_t full = (int64_t)(s->kernel_height * s->kernel_width * tap_channels(p));
    if (p->zero_padding)
        full -= outside(p, filter, rows, columns);
    if (p->thresholds == NULL)
        return (int32_t)full;
    return bnn_mismatch_limit(full, p->thresholds[filter], flipped(p, filter));
}

static void pack_limits(const packing *p, size_t filter, size_t at)
{
    const bnn_binary_conv *conv = p->conv;
    int32_t *to = conv->limits + at;
    for (size_t v = 0; v < conv->vertical.count; v++)
        for (size_t h = 0; h < conv->horizontal.count; h++, to += conv->limit_step)
            *to = limit(p, filter, conv->vertical.ranges[v], conv->horizontal.ranges[h]);
}

static void pack_classes(const bnn_binary_conv *conv)
{
    uint16_t *to = conv->classes;
    for (size_t v = 0; v < conv->vertical.count; v++)
        for (size_t x = 0; x < conv->geometry.out_width; x++)
            *to++ = (uint16_t)(v * conv->horizontal.count + conv->horizontal.of[x]);
}

void bnn_binary_conv_pack(bnn_binary_conv *conv, int pad_value, const int8_t *weights,
                          const int32_t *thresholds, const uint8_t *flips)
{
    const packing p = {conv, weights, thresholds, flips, pad_value == 0};
    for (size_t filter = 0; filter < conv->geometry.shape.filters; filter++) {
        size_t group = filter / conv->group_filters, within = filter % conv->group_filters;
        size_t block = group * conv->group_blocks + within / conv->block;
        size_t lane = within % conv->block;
        size_t left = conv->group_filters - within / conv->block * conv->block;
        if (conv->lookup != NULL) {
            pack_weights(&p, filter, conv->weights, 1);
            size_t part = within / (conv->group_filters / conv->merged);
            bnn_lookup_weights_put(&conv->lookup->weights, block, left, lane, part, conv->merged,
                                   conv->weights);
        } else {
            size_t width = bnn_row_width(left < BNN_BLOCK ? left : BNN_BLOCK);
            pack_weights(&p, filter, conv->weights + block * conv->block_words + lane, width);
        }
        pack_limits(&p, filter, block * conv->block + lane);
    }
    if (conv->lookup != NULL) {
        free(conv->weights);
        conv->weights = NULL;
        if (conv->to_bits)
            bnn_conv_lookup_limits(conv);
    }
    pack_classes(conv);
    uint64_t *to = conv->padding;
    for (size_t i = 0; pad_value == -1 && i < conv->row_words; i++) {
        size_t c = i % conv->group_words * BNN_WORD_BITS;
        size_t left = conv->group_channels - c;
        to[i] = bnn_low_bits(left < BNN_WORD_BITS ? left : BNN_WORD_BITS);
    }
}
