/* Binary convolutions, depthwise ones too, and binary dense layers. */
#include "check.h"
#include "windows.h"

#include <stdbool.h>
#include <string.h>

enum { CONVOLUTIONS = 200, DENSE = 80, MOST_CHANNELS = 150 };

/* Everything that belongs to one layer of bits. */
typedef struct {
    window_case window;
    double *values, *sums, *thresholds;
    uint64_t *bits, *expected_bits;
    int32_t *expected_sums, *integers;
    int8_t *weights;
    uint8_t *flips;
} layer;

static void make(layer *l, window_case window, int pad_value)
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
    const int odds = random_int(0, 5); /* extreme sums too */
    for (size_t i = 0; i < in; i++)
        l->values[i] = random_int(0, 4) < odds ? 1 : -1;
    random_signs(l->weights, filters * window.taps);
    if (odds == 0) /* as many mismatches as there can be */
        memset(l->weights, 1, filters * window.taps);
    for (size_t f = 0; f < filters; f++) {
        const int reach = (int)window.taps / 4 + 2, kind = random_int(0, 30);
        l->thresholds[f] = l->integers[f] =
            kind == 0 ? INT32_MIN : kind == 1 ? INT32_MAX : random_int(-reach, reach);
        l->flips[f] = (uint8_t)random_int(0, 1);
    }
    static const uint8_t no_flips[MOST_CHANNELS * 40];
    static const double zeros[MOST_CHANNELS * 40];
    naive_bits(l->values, window.in_pixels, channels, zeros, no_flips, l->bits);
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

/* Both methods where there are two. */
static void choose_method(const bnn_convolution *shape, bnn_execution *execution)
{
    const bool looks_up = execution->isa == BNN_ISA_AVX2 && bnn_lookup_fits(shape, 0) &&
                          bnn_lookup_fits(shape, 1) && random_int(0, 1) == 0;
    execution->method = looks_up ? BNN_METHOD_LOOKUP : BNN_METHOD_COUNT;
}

static void convolution(const bench *on)
{
    layer l;
    const int pad_value = random_int(-1, 1);
    bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Y | BNN_Z);
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    make(&l, random_window(MOST_CHANNELS), pad_value);
    choose_method(&l.window.shape, &execution);
    CHECK(bnn_binary_conv_create(&l.window.shape, pad_value, l.weights, NULL, NULL, &execution,
                                 &to_sums) == BNN_OK);
    CHECK(bnn_binary_conv_create(&l.window.shape, pad_value, l.weights, l.integers, l.flips,
                                 &execution, &to_bits) == BNN_OK);
    compare(&l, "binary convolution", on, to_sums, to_bits);
    discard(&l);
}

/* A window as large as the input. */
static void dense(const bench *on)
{
    layer l;
    const size_t batch = (size_t)random_int(1, 7);
    const size_t channels = (size_t)random_int(1, random_int(0, 1) == 0 ? 4000 : 300);
    const size_t filters = (size_t)random_int(1, MOST_CHANNELS);
    const window_case window = {
        {batch, 1, 1, channels, filters, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1}, 1, 1, batch, batch,
        channels};
    bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Z);
    choose_method(&window.shape, &execution);
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    make(&l, window, 0);
    CHECK(bnn_binary_dense_create(batch, channels, filters, l.weights, NULL, NULL, &execution,
                                  &to_sums) == BNN_OK);
    CHECK(bnn_binary_dense_create(batch, channels, filters, l.weights, l.integers, l.flips,
                                  &execution, &to_bits) == BNN_OK);
    compare(&l, "binary dense", on, to_sums, to_bits);
    discard(&l);
}

void test_binary(const bench *on)
{
    for (int i = 0; i < CONVOLUTIONS; i++)
        convolution(on);
    for (int i = 0; i < DENSE; i++)
        dense(on);
}
