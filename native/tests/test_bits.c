/* Thresholds of numbers, and pooling of bits. */
#include "check.h"
#include "windows.h"

#include <math.h>
#include <string.h>

enum { CASES = 25 };

static void threshold(const bench *on, bnn_element element)
{
    const size_t pixels = (size_t)random_int(1, 9), channels = (size_t)random_int(1, 200);
    const size_t count = pixels * channels, bytes = pixels * words_of(channels) * 8;
    void *numbers = room(count * 4), *limits = room(channels * 4);
    double *values = room(count * sizeof *values), *bounds = room(channels * sizeof *bounds);
    uint8_t *flips = room(channels);
    uint64_t *bits = room(bytes);
    random_numbers(element == BNN_FLOAT32 ? BNN_FLOAT32 : BNN_INT32, channels, limits, bounds);
    random_numbers(element, count, numbers, values);
    for (size_t c = 0; c < channels; c++)
        flips[c] = (uint8_t)random_int(0, 1);
    for (size_t i = 0; element == BNN_FLOAT32 && i < count; i += 13) {
        static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, -1e-40f};
        values[i] = ((float *)numbers)[i] = special[i / 13 % 7];
        bounds[i % channels] = ((float *)limits)[i % channels] = special[i / 26 % 7];
    }
    for (size_t i = 0; element == BNN_INT32 && i < count; i += 13) {
        static const int32_t special[] = {INT32_MAX, INT32_MIN, 0};
        values[i] = ((int32_t *)numbers)[i] = special[i / 13 % 3];
        bounds[i % channels] = ((int32_t *)limits)[i % channels] = special[i / 39 % 3];
    }
    naive_bits(values, pixels, channels, bounds, flips, bits);
    const bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Y);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_threshold_create(pixels, channels, element, limits, flips, &execution, &kernel) ==
          BNN_OK);
    expect("threshold", on, kernel, numbers, NULL, bits, bytes);
    free(numbers);
    free(limits);
    free(values);
    free(bounds);
    free(flips);
    free(bits);
}

/* Bit 0 is +1: the largest of a window is the conjunction of its bits, the smallest the
 * disjunction. */
static void pool(const bench *on)
{
    window_case window = random_window(140);
    bnn_convolution *s = &window.shape;
    if (s->pad_top + s->pad_left + s->pad_bottom + s->pad_right > 0 || s->dilation_height > 1 ||
        s->dilation_width > 1)
        return;
    const size_t words = words_of(s->channels), bytes = window.out_pixels * words * 8;
    uint64_t *bits = room(window.in_pixels * words * 8), *expected = room(bytes), *to = expected;
    uint8_t *minimum = room(s->channels);
    memset(bits, 0, window.in_pixels * words * 8);
    for (size_t p = 0; p < window.in_pixels; p++)
        for (size_t c = 0; c < s->channels; c++)
            bits[p * words + c / 64] |= (uint64_t)random_int(0, 1) << c % 64;
    for (size_t c = 0; c < s->channels; c++)
        minimum[c] = (uint8_t)random_int(0, 1);
    memset(expected, 0, bytes);
    for (size_t n = 0; n < s->batch; n++)
        for (size_t y = 0; y < window.out_height; y++)
            for (size_t x = 0; x < window.out_width; x++, to += words)
                for (size_t c = 0; c < s->channels; c++) {
                    uint64_t result = minimum[c] ? 0 : 1;
                    for (size_t tap = 0; tap < s->kernel_height * s->kernel_width; tap++) {
                        size_t row = y * s->stride_height + tap / s->kernel_width;
                        size_t column = x * s->stride_width + tap % s->kernel_width;
                        size_t pixel = (n * s->height + row) * s->width + column;
                        uint64_t bit = bits[pixel * words + c / 64] >> c % 64 & 1;
                        result = minimum[c] ? result | bit : result & bit;
                    }
                    to[c / 64] |= result << c % 64;
                }
    const bnn_execution execution = random_execution(on->isa, BNN_X | BNN_Y);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_bit_pool_create(s, minimum, &execution, &kernel) == BNN_OK);
    expect("pooling of bits", on, kernel, bits, NULL, expected, bytes);
    free(bits);
    free(expected);
    free(minimum);
}

void test_bits(const bench *on)
{
    for (int i = 0; i < CASES; i++) {
        for (bnn_element element = BNN_UINT8; element <= BNN_FLOAT32; element++)
            threshold(on, element);
        pool(on);
    }
}
