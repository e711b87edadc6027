/* First layers: numbers times (+1, -1) weights. */
#include "check.h"
#include "windows.h"

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
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    CHECK(bnn_input_conv_create(&window.shape, element, weights, NULL, NULL, &execution,
                                &to_sums) == BNN_OK);
    CHECK(bnn_input_conv_create(&window.shape, element, weights, limits, flips, &execution,
                                &to_bits) == BNN_OK);
    expect("sums of a first layer", on, to_sums, numbers, NULL, sums, out * 4);
    expect("bits of a first layer", on, to_bits, numbers, NULL, bits, bit_bytes);
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

void test_input(const bench *on)
{
    /* More taps than 16-bit sums of bytes hold. */
    const window_case deep = {
        {2, 1, 3, 1500, 40, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1}, 1, 3, 6, 6, 1500};
    for (bnn_element element = BNN_UINT8; element <= BNN_FLOAT32; element++) {
        for (int i = 0; i < CASES; i++)
            input_convolution(on, element, random_window(i % 2 == 0 ? 4 : MOST_CHANNELS));
        input_convolution(on, element, deep);
    }
}
