/* First layers: numbers times (+1, -1) weights. */
#include "check.h"
#include "windows.h"

#include <string.h>

enum { CASES = 40, MOST_CHANNELS = 80 };

static void input_convolution(const bench *on, bnn_element element, window_case window)
{
    const size_t channels = window.shape.channels, filters = window.shape.filters;
    const size_t in = window.in_pixels * channels, out = window.out_pixels * filters;
    const size_t bit_bytes = window.out_pixels * words_of(filters) * sizeof(uint64_t);
    const int is_float = element == BNN_FLOAT32;
    const size_t bytes = element == BNN_UINT8 || element == BNN_INT8 ? 1 : 4;
    void *numbers = room(in * bytes), *sums = room(out * 4), *limits = room(filters * 4);
    double *values = room(in * sizeof *values), *expected = room(out * sizeof *expected);
    double *thresholds = room(filters * sizeof *thresholds);
    uint64_t *bits = room(bit_bytes);
    int8_t *weights = room(filters * window.taps);
    uint8_t *flips = room(filters);
    random_numbers(element, in, numbers, values);
    random_signs(weights, filters * window.taps);
    naive_sums(&window, values, 0, weights, is_float, expected);
    for (size_t f = 0; f < filters; f++) {
        /* Sums that occur, so that some are equal to the threshold. */
        const double sum = expected[f + filters * (random_word() % window.out_pixels)];
        if (is_float)
            thresholds[f] = ((float *)limits)[f] = (float)sum;
        else
            thresholds[f] = ((int32_t *)limits)[f] = (int32_t)sum;
        flips[f] = (uint8_t)random_int(0, 1);
    }
    for (size_t i = 0; i < out; i++)
        if (is_float)
            ((float *)sums)[i] = (float)expected[i];
        else
            ((int32_t *)sums)[i] = (int32_t)expected[i];
    naive_bits(expected, window.out_pixels, filters, thresholds, flips, bits);
    const bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Y | BNN_Z);
    const bnn_fusion to_limits = {.thresholds = limits, .flips = flips};
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    CHECK(bnn_input_conv_create(&window.shape, element, weights, NULL, &execution,
                                &to_sums) == BNN_OK);
    CHECK(bnn_input_conv_create(&window.shape, element, weights, &to_limits, &execution,
                                &to_bits) == BNN_OK);
    expect("sums of a first layer", on, to_sums, numbers, NULL, sums, out * 4);
    expect("bits of a first layer", on, to_bits, numbers, NULL, bits, bit_bytes);
    uint8_t *minimum = room(filters);
    uint64_t *pooled = room(bit_bytes);
    float *scales = room(filters * sizeof *scales), *biases = room(filters * sizeof *biases);
    float *scaled = room(out * sizeof *scaled);
    bnn_fusion pools = to_limits;
    pools.pool = random_pooling(&window, minimum);
    const size_t pixels = naive_pool(&window, bits, &pools.pool, pooled);
    const bnn_fusion scaling = {.scales = scales, .biases = biases};
    random_scales(&window, expected, scales, biases, scaled);
    bnn_kernel *to_pooled = NULL, *to_scaled = NULL;
    CHECK(bnn_input_conv_create(&window.shape, element, weights, &pools, &execution,
                                &to_pooled) == BNN_OK);
    CHECK(bnn_input_conv_create(&window.shape, element, weights, &scaling, &execution,
                                &to_scaled) == BNN_OK);
    expect("pooled bits of a first layer", on, to_pooled, numbers, NULL, pooled,
           pixels * words_of(filters) * 8);
    expect("scaled sums of a first layer", on, to_scaled, numbers, NULL, scaled, out * 4);
    free(minimum);
    free(pooled);
    free(scales);
    free(biases);
    free(scaled);
    free(numbers);
    free(sums);
    free(limits);
    free(values);
    free(expected);
    free(thresholds);
    free(bits);
    free(weights);
    free(flips);
}

/* The largest sums of bytes, at thresholds beside them and beyond all sums: of 5 rows of taps,
 * which just fit into 16 bits if bytes count as signed, and of 6. */
static void largest_sums(const bench *on, bnn_element element, int number, size_t rows)
{
    enum { SIGNS = 2, FLIPS = 2, STEPS = 5, FILTERS = SIGNS * FLIPS * STEPS };
    enum { ROWS = 6, COLUMNS = 17, CHANNELS = 3, WINDOWS = 3, WIDTH = COLUMNS + WINDOWS - 1 };
    const bnn_convolution shape = {1,       rows, WIDTH, CHANNELS, FILTERS, rows, COLUMNS, 1, 1,
                                   0,       0,    0,     0,        1,       1,    1};
    const size_t taps = rows * COLUMNS * CHANNELS;
    _Alignas(uint64_t) uint8_t numbers[ROWS * WIDTH * CHANNELS];
    uint8_t flips[FILTERS];
    int8_t weights[FILTERS * ROWS * COLUMNS * CHANNELS];
    int32_t thresholds[FILTERS];
    double sums[WINDOWS * FILTERS], limits[FILTERS];
    uint64_t bits[WINDOWS];
    memset(numbers, number, sizeof numbers);
    for (int f = 0; f < FILTERS; f++) {
        const int8_t weight = f % SIGNS == 0 ? 1 : -1;
        const int sum = weight * number * (int)taps;
        const int32_t steps[STEPS] = {sum - 1, sum, sum + 1, INT32_MIN, INT32_MAX};
        memset(weights + (size_t)f * taps, weight, taps);
        flips[f] = f / SIGNS % FLIPS;
        limits[f] = thresholds[f] = steps[f / (SIGNS * FLIPS)];
        for (int w = 0; w < WINDOWS; w++)
            sums[w * FILTERS + f] = sum;
    }
    naive_bits(sums, WINDOWS, FILTERS, limits, flips, bits);
    const bnn_fusion fusion = {.thresholds = thresholds, .flips = flips};
    const bnn_execution execution = random_execution(on->isa, BNN_Y | BNN_Z);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_input_conv_create(&shape, element, weights, &fusion, &execution, &kernel) == BNN_OK);
    expect("largest sums of a first layer", on, kernel, numbers, NULL, bits, sizeof bits);
}

void test_input(const bench *on)
{
    const int bytes[] = {UINT8_MAX, 0, INT8_MIN, INT8_MAX};
    for (int i = 0; i < 4; i++)
        for (size_t rows = 5; rows <= 6; rows++)
            largest_sums(on, i < 2 ? BNN_UINT8 : BNN_INT8, bytes[i], rows);
    /* More taps than 16-bit sums of bytes hold. */
    const window_case deep = {
        {2, 1, 3, 1500, 40, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1}, 1, 3, 6, 6, 1500};
    /* Kernels of usual networks: 7x7 of three channels, 5x5 of one. */
    const window_case wide = {
        {2, 15, 21, 3, 70, 7, 7, 2, 2, 3, 3, 3, 3, 1, 1, 1}, 8, 11, 630, 176, 147};
    const window_case grey = {
        {1, 9, 13, 1, 33, 5, 5, 1, 1, 2, 2, 2, 2, 1, 1, 1}, 9, 13, 117, 117, 25};
    for (bnn_element element = BNN_UINT8; element <= BNN_FLOAT32; element++) {
        for (int i = 0; i < CASES; i++)
            input_convolution(on, element, random_window(i % 2 == 0 ? 4 : MOST_CHANNELS));
        input_convolution(on, element, deep);
        input_convolution(on, element, wide);
        input_convolution(on, element, grey);
    }
}
