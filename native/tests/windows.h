/* Random convolutions and what they give, by naive loops. */
#ifndef BNNPLAN_TESTS_WINDOWS_H
#define BNNPLAN_TESTS_WINDOWS_H

#include <bnnplan/binary.h>

typedef struct {
    bnn_convolution shape;
    size_t out_height, out_width;
    size_t in_pixels, out_pixels; /* of the whole batch */
    size_t taps;                  /* of a filter */
} window_case;

/* Up to about `channels` channels and filters, one to three images; all strides, pads, dilations
 * and groups. */
window_case random_window(int channels);

/* Sums of (+1, -1) weights; a tap outside the input reads pad_value. In double precision sums of
 * integers are exact; of floats, they are rounded after every tap. */
void naive_sums(const window_case *window, const double *input, int pad_value,
                const int8_t *weights, int is_float, double *sums);

/* Bits of (pixels, channels) numbers: 1 below the threshold, or above it where flips[channel]. */
void naive_bits(const double *numbers, size_t pixels, size_t channels, const double *thresholds,
                const uint8_t *flips, uint64_t *bits);

/* Pooling that fits the outputs, with minima of random channels. `minimum` has room for them. */
bnn_pooling random_pooling(const window_case *window, uint8_t *minimum);

/* Bits of the outputs of `window`, pooled; gives the number of pooled pixels. */
size_t naive_pool(const window_case *window, const uint64_t *bits, const bnn_pooling *pool,
                  uint64_t *pooled);

/* Random scales and biases, and what they make of the sums of `window`. */
void random_scales(const window_case *window, const double *sums, float *scales, float *biases,
                   float *scaled);

/* Words of one pixel. */
size_t words_of(size_t channels);

#endif
