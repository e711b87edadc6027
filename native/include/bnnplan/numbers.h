/* Kernels for everything that is not binary: numbers, and moving numbers and bits.
 *
 * Each create function checks its arguments, packs parameters and gives a kernel; on failure it
 * returns a status, leaves *kernel NULL and sets bnn_last_error(). Results are the same to the last
 * bit for every instruction set, number of threads and choice of axes; only softmax, which calls
 * the C library's exponential, is good to 1e-5.
 */
#ifndef BNNPLAN_NUMBERS_H
#define BNNPLAN_NUMBERS_H

#include <bnnplan/isa.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor that is treated element by element. */
typedef struct {
    int64_t batch;  /* images */
    int64_t pixels; /* height x width; 1 for a vector */
    int64_t channels;
} bnn_tensor_spec;

/* float32 x * scale + bias, two roundings; bits are +1 and -1. */
bnn_status bnn_scale_bias_create(const bnn_tensor_spec *spec, bnn_element input, const float *scale,
                                 const float *bias, const bnn_execution *execution,
                                 bnn_kernel **kernel);

/* float32 x where x >= 0, else x * slope. */
bnn_status bnn_prelu_create(const bnn_tensor_spec *spec, const float *slope,
                            const bnn_execution *execution, bnn_kernel **kernel);

/* float32 min(max(x, low), high). */
bnn_status bnn_clip_create(const bnn_tensor_spec *spec, float low, float high,
                           const bnn_execution *execution, bnn_kernel **kernel);

typedef enum {
    BNN_NEAREST_EVEN = 0,
    BNN_FLOOR = 1,
    BNN_CEIL = 2,
    BNN_TO_ZERO = 3
} bnn_rounding;

/* float32 (clip(round(x / scale + zero), low, high) - zero) * scale. */
bnn_status bnn_quantize_create(const bnn_tensor_spec *spec, const float *scale, const float *zero,
                               float low, float high, bnn_rounding rounding,
                               const bnn_execution *execution, bnn_kernel **kernel);

/* float32 scale * #{t : x >= t} + bias; thresholds are (channels, steps), ascending. */
bnn_status bnn_multi_threshold_create(const bnn_tensor_spec *spec, bnn_element input,
                                      const float *thresholds, int64_t steps, float scale,
                                      float bias, const bnn_execution *execution,
                                      bnn_kernel **kernel);

/* Softmax over the channels, or its logarithm; never parallel over channels. */
bnn_status bnn_softmax_create(const bnn_tensor_spec *spec, int logarithm,
                              const bnn_execution *execution, bnn_kernel **kernel);

/* Sum of two tensors, int32 or float32. */
bnn_status bnn_add_create(const bnn_tensor_spec *spec, bnn_element element,
                          const bnn_execution *execution, bnn_kernel **kernel);

/* Join `count` tensors of the given channels; spec tells of the result. */
bnn_status bnn_concat_create(const bnn_tensor_spec *spec, bnn_element element,
                             const int64_t *channels, int count, const bnn_execution *execution,
                             bnn_kernel **kernel);

/* Cut a tensor into `count` tensors of the given channels; spec tells of the input. */
bnn_status bnn_split_create(const bnn_tensor_spec *spec, bnn_element element,
                            const int64_t *channels, int count, const bnn_execution *execution,
                            bnn_kernel **kernel);

/* Axis k of the result is axis order[k] of the (height, width, channels) input. */
typedef struct {
    int64_t batch;
    int64_t extents[3];
    int order[3];
} bnn_transpose_spec;

bnn_status bnn_transpose_create(const bnn_transpose_spec *spec, bnn_element element,
                                const bnn_execution *execution, bnn_kernel **kernel);

/* A window that slides over an image; vertical before horizontal. */
typedef struct {
    int64_t batch;
    int64_t height;
    int64_t width;
    int64_t channels;
    int64_t kernel[2];
    int64_t strides[2];
    int64_t dilations[2];
    int64_t pads[4]; /* top, left, bottom, right */
} bnn_window_spec;

/* Largest element of each window, smallest where minimum[channel]; minimum may be NULL. */
bnn_status bnn_number_max_pool_create(const bnn_window_spec *spec, bnn_element element,
                                      const uint8_t *minimum, const bnn_execution *execution,
                                      bnn_kernel **kernel);

/* float32 mean of each window of int32 or float32. */
bnn_status bnn_average_pool_create(const bnn_window_spec *spec, bnn_element input, int count_pads,
                                   const bnn_execution *execution, bnn_kernel **kernel);

/* float32 convolution; weight is (filters, kernel rows, kernel columns, channels / groups), bias
 * (filters) may be NULL. Sums start at the bias and run over rows, columns, channels. */
bnn_status bnn_float_conv_create(const bnn_window_spec *spec, int64_t filters, int64_t groups,
                                 const float *weight, const float *bias,
                                 const bnn_execution *execution, bnn_kernel **kernel);

/* float32 dense layer; weight is (outputs, inputs), bias (outputs) may be NULL. */
typedef struct {
    int64_t batch;
    int64_t inputs;
    int64_t outputs;
} bnn_float_dense_spec;

bnn_status bnn_float_dense_create(const bnn_float_dense_spec *spec, const float *weight,
                                  const float *bias, const bnn_execution *execution,
                                  bnn_kernel **kernel);

#ifdef __cplusplus
}
#endif

#endif
