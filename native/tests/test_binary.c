/* Binary convolutions, depthwise ones too, and binary dense layers. */
#include "check.h"
#include "windows.h"

#include <stdbool.h>
#include <string.h>

enum { CONVOLUTIONS = 200, DENSE = 80, VECTORS = 60, MOST_CHANNELS = 150, MOST_FILTERS = 600 };

/* Everything that belongs to one layer of bits. */
typedef struct {
    window_case window;
    double *values, *sums, *thresholds;
    uint64_t *bits, *expected_bits;
    int32_t *expected_sums, *integers;
    int8_t *weights;
    uint8_t *flips;
} layer;

/* With odds of 0, as many mismatches as there can be; with 5, inputs of +1 only. */
static void make(layer *l, window_case window, int pad_value, int odds)
{
    const size_t channels = window.shape.channels, filters = window.shape.filters;
    const size_t in = window.in_pixels * channels, out = window.out_pixels * filters;
    l->window = window;
    l->values = room(in * sizeof *l->values);
    l->bits = room(window.in_pixels * words_of(channels) * sizeof *l->bits);
    l->weights = room(filters * window.taps);
    l->sums = room(out * sizeof *l->sums);
    l->expected_sums = room(out * sizeof *l->expected_sums);
    l->expected_bits = room(window.out_pixels * words_of(filters) * sizeof *l->expected_bits);
    l->thresholds = room(filters * sizeof *l->thresholds);
    l->integers = room(filters * sizeof *l->integers);
    l->flips = room(filters);
    for (size_t i = 0; i < in; i++)
        l->values[i] = random_int(0, 4) < odds ? 1 : -1;
    random_signs(l->weights, filters * window.taps);
    if (odds == 0)
        memset(l->weights, 1, filters * window.taps);
    for (size_t f = 0; f < filters; f++) {
        const int reach = (int)window.taps / 4 + 2, kind = random_int(0, 30);
        l->thresholds[f] = l->integers[f] =
            kind == 0 ? INT32_MIN : kind == 1 ? INT32_MAX : random_int(-reach, reach);
        l->flips[f] = (uint8_t)random_int(0, 1);
    }
    double *zeros = room(channels * sizeof *zeros);
    uint8_t *no_flips = room(channels);
    for (size_t c = 0; c < channels; c++)
        zeros[c] = no_flips[c] = 0;
    naive_bits(l->values, window.in_pixels, channels, zeros, no_flips, l->bits);
    free(zeros);
    free(no_flips);
    naive_sums(&window, l->values, pad_value, l->weights, 0, l->sums);
    naive_bits(l->sums, window.out_pixels, filters, l->thresholds, l->flips, l->expected_bits);
    for (size_t i = 0; i < out; i++)
        l->expected_sums[i] = (int32_t)l->sums[i];
}

static void compare(const layer *l, const char *what, const bench *on, bnn_kernel *to_sums,
                    bnn_kernel *to_bits)
{
    const size_t pixels = l->window.out_pixels, filters = l->window.shape.filters;
    expect(what, on, to_sums, l->bits, NULL, l->expected_sums, pixels * filters * 4);
    expect(what, on, to_bits, l->bits, NULL, l->expected_bits, pixels * words_of(filters) * 8);
}

static void discard(layer *l)
{
    free(l->values);
    free(l->bits);
    free(l->weights);
    free(l->sums);
    free(l->expected_sums);
    free(l->expected_bits);
    free(l->thresholds);
    free(l->integers);
    free(l->flips);
}

/* The bits pooled, behind a convolution, and the sums scaled. */
static void fused(const layer *l, const bench *on, int pad_value, const bnn_execution *execution)
{
    const window_case *w = &l->window;
    const size_t filters = w->shape.filters, out = w->out_pixels;
    uint8_t *minimum = room(filters);
    float *scales = room(filters * sizeof *scales), *biases = room(filters * sizeof *biases);
    float *scaled = room(out * filters * sizeof *scaled);
    uint64_t *pooled = room(out * words_of(filters) * sizeof *pooled);
    const bnn_fusion pools = {.thresholds = l->integers,
                              .flips = l->flips,
                              .pool = random_pooling(w, minimum)};
    const size_t pixels = naive_pool(w, l->expected_bits, &pools.pool, pooled);
    const bnn_fusion scaling = {.scales = scales, .biases = biases};
    random_scales(w, l->sums, scales, biases, scaled);
    bnn_kernel *to_pooled = NULL, *to_scaled = NULL;
    CHECK(bnn_binary_conv_create(&w->shape, pad_value, l->weights, &pools, execution,
                                 &to_pooled) == BNN_OK);
    CHECK(bnn_binary_conv_create(&w->shape, pad_value, l->weights, &scaling, execution,
                                 &to_scaled) == BNN_OK);
    expect("pooled bits of a binary convolution", on, to_pooled, l->bits, NULL, pooled,
           pixels * words_of(filters) * 8);
    expect("scaled sums of a binary convolution", on, to_scaled, l->bits, NULL, scaled,
           out * filters * 4);
    free(minimum);
    free(scales);
    free(biases);
    free(scaled);
    free(pooled);
}

/* Both methods where there are two. */
static void choose_method(const bnn_convolution *shape, bnn_execution *execution)
{
    const bool has_lookup = execution->isa == BNN_ISA_AVX2 || execution->isa == BNN_ISA_AVX512BW;
    const bool looks_up = has_lookup && bnn_lookup_fits(shape) &&
                          random_int(0, 1) == 0;
    execution->method = looks_up ? BNN_METHOD_LOOKUP : BNN_METHOD_COUNT;
}

static void convolution(const bench *on)
{
    layer l;
    const int pad_value = random_int(-1, 1);
    bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Y | BNN_Z);
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    make(&l, random_window(MOST_CHANNELS), pad_value, random_int(0, 5));
    const bnn_fusion to_limits = {.thresholds = l.integers, .flips = l.flips};
    choose_method(&l.window.shape, &execution);
    CHECK(bnn_binary_conv_create(&l.window.shape, pad_value, l.weights, NULL, &execution,
                                 &to_sums) == BNN_OK);
    CHECK(bnn_binary_conv_create(&l.window.shape, pad_value, l.weights, &to_limits,
                                 &execution, &to_bits) == BNN_OK);
    compare(&l, "binary convolution", on, to_sums, to_bits);
    fused(&l, on, pad_value, &execution);
    discard(&l);
}

/* A window as large as the input. */
static void dense(const bench *on, size_t batch, size_t channels, size_t filters, int odds)
{
    layer l;
    const window_case window = {
        {batch, 1, 1, channels, filters, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1}, 1, 1, batch, batch,
        channels};
    bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Z);
    choose_method(&window.shape, &execution);
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    make(&l, window, 0, odds);
    const bnn_fusion to_limits = {.thresholds = l.integers, .flips = l.flips};
    CHECK(bnn_binary_dense_create(batch, channels, filters, l.weights, NULL, &execution,
                                  &to_sums) == BNN_OK);
    CHECK(bnn_binary_dense_create(batch, channels, filters, l.weights, &to_limits,
                                  &execution, &to_bits) == BNN_OK);
    compare(&l, "binary dense", on, to_sums, to_bits);
    float *scales = room(filters * sizeof *scales), *biases = room(filters * sizeof *biases);
    float *scaled = room(batch * filters * sizeof *scaled);
    const bnn_fusion scaling = {.scales = scales, .biases = biases};
    random_scales(&window, l.sums, scales, biases, scaled);
    bnn_kernel *to_scaled = NULL;
    CHECK(bnn_binary_dense_create(batch, channels, filters, l.weights, &scaling, &execution,
                                  &to_scaled) == BNN_OK);
    expect("scaled sums of a binary dense layer", on, to_scaled, l.bits, NULL, scaled,
           batch * filters * 4);
    free(scales);
    free(biases);
    free(scaled);
    discard(&l);
}

void test_binary(const bench *on)
{
    for (int i = 0; i < CONVOLUTIONS; i++)
        convolution(on);
    for (int i = 0; i < DENSE; i++) {
        const int channels = random_int(1, random_int(0, 1) == 0 ? 4000 : 300);
        dense(on, (size_t)random_int(1, 7), (size_t)channels, (size_t)random_int(1, MOST_CHANNELS),
              random_int(0, 5));
    }
    /* Of vectors, several blocks of filters, and more mismatches than bytes or 16 bits count. */
    for (int i = 0; i < VECTORS; i++)
        dense(on, 1, (size_t)random_int(1, 600), (size_t)random_int(1, MOST_FILTERS),
              random_int(0, 5));
    static const size_t lengths[] = {65471, 65472, 65473, 65535, 65536, 131000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        dense(on, 1, lengths[i], 70, (int)(i % 2));
}
