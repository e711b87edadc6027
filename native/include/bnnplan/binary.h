/* Kernels of bits: products of bits and of numbers with ±1 weights, thresholds, pooling.
 *
 * Weights are int8 +1 or -1. A threshold gives bit 1 where x < threshold, or where
 * x > threshold if the channel is flipped.
 */
#ifndef BNNPLAN_BINARY_H
#define BNNPLAN_BINARY_H

#include <bnnplan/isa.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A sliding window over images; `filters` are output channels, pads are in pixels. */
typedef struct {
    size_t batch;
    size_t height, width, channels;
    size_t filters, kernel_height, kernel_width;
    size_t stride_height, stride_width;
    size_t pad_top, pad_left, pad_bottom, pad_right;
    size_t dilation_height, dilation_width;
    size_t groups;
} bnn_convolution;

/* Pooling of bits by windows that do not overlap: +1 if any tap is; where minimum[filter] is set,
 * -1 if any is. What does not fill a window is left out. */
typedef struct {
    size_t height, width;               /* of a window; all 0: no pooling */
    size_t stride_height, stride_width; /* at least height and width */
    const uint8_t *minimum;             /* may be NULL */
} bnn_pooling;

/* What is fused behind the sums of a product, all arrays one a filter. NULL instead of it, or
 * nothing in it: the output is the sums. */
typedef struct {
    const void *thresholds; /* of the type of the sums: the output is bits */
    const uint8_t *flips;   /* of the thresholds */
    bnn_pooling pool;       /* of those bits, behind a convolution */
    const float *scales;    /* without thresholds: the output is float32(sum) * scale + bias */
    const float *biases;    /* of the scales */
} bnn_fusion;

/* Bits * (filters, kernel_height, kernel_width, channels / groups) weights -> int32, or
 * what is fused makes of it. Taps outside the input read pad_value: 0, 1 or -1. */
bnn_status bnn_binary_conv_create(const bnn_convolution *shape, int pad_value,
                                  const int8_t *weights, const bnn_fusion *fusion,
                                  const bnn_execution *execution, bnn_kernel **kernel);

/* Bits * (filters, channels) weights -> int32, or what is fused makes of it; `batch` vectors. */
bnn_status bnn_binary_dense_create(size_t batch, size_t channels, size_t filters,
                                   const int8_t *weights, const bnn_fusion *fusion,
                                   const bnn_execution *execution, bnn_kernel **kernel);

/* 1 if the bits * weights of a convolution can be looked up: at most 65,534 taps a filter, and no
 * depthwise convolution; else 0. A dense layer is a convolution of one pixel. */
int bnn_lookup_fits(const bnn_convolution *shape);

/* Numbers * weights -> int32 sums, float32 sums of float32, or what is fused makes of them; zero
 * padding. Float sums go kernel row, kernel column, channel, each rounded. */
bnn_status bnn_input_conv_create(const bnn_convolution *shape, bnn_element element,
                                 const int8_t *weights, const bnn_fusion *fusion,
                                 const bnn_execution *execution, bnn_kernel **kernel);

/* Numbers -> bits, (pixels, channels) dense. Thresholds are int32, or float32 for float32. */
bnn_status bnn_threshold_create(size_t pixels, size_t channels, bnn_element element,
                                const void *thresholds, const uint8_t *flips,
                                const bnn_execution *execution, bnn_kernel **kernel);

/* Pooling of bits: +1 if any tap inside the input is; where minimum[channel] is set, -1 if any
 * is. `minimum` may be NULL. Of the shape, filters, dilations and groups are not read. */
bnn_status bnn_bit_pool_create(const bnn_convolution *shape, const uint8_t *minimum,
                               const bnn_execution *execution, bnn_kernel **kernel);

/* The same bits in pixels of another number of channels; pixels * channels must agree. */
bnn_status bnn_bit_reshape_create(size_t batch, size_t pixels, size_t channels,
                                  size_t new_pixels, size_t new_channels,
                                  const bnn_execution *execution, bnn_kernel **kernel);

/* A plain copy. */
bnn_status bnn_copy_create(size_t bytes, const bnn_execution *execution, bnn_kernel **kernel);

#ifdef __cplusplus
}
#endif

#endif
