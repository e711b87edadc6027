#include "windows.h"

#include "random.h"

#include <string.h>

enum { WORD_BITS = 64 };

static size_t extent(size_t kernel, size_t dilation, size_t pads)
{
    const size_t reach = (kernel - 1) * dilation + 1;
    return (reach > pads ? reach - pads : 1) + (size_t)random_int(0, 5);
}

window_case random_window(int channels)
{
    bnn_convolution s = {.batch = (size_t)random_int(1, 3)};
    s.groups = random_int(0, 2) != 0 ? 1 : (size_t)random_int(2, 4);
    s.channels = s.groups * (size_t)random_int(1, channels / (int)s.groups);
    s.filters = s.groups * (size_t)random_int(1, channels / (int)s.groups);
    if (random_int(0, 7) == 0)
        s.filters = s.groups = s.channels;
    s.kernel_height = (size_t)random_int(1, 4);
    s.kernel_width = (size_t)random_int(1, 4);
    s.stride_height = (size_t)random_int(1, 3);
    s.stride_width = (size_t)random_int(1, 3);
    s.dilation_height = (size_t)random_int(1, 2);
    s.dilation_width = random_int(0, 3) == 0 ? 2 : 1;
    if (random_int(0, 2) != 0) {
        s.pad_top = (size_t)random_int(0, 2);
        s.pad_left = (size_t)random_int(0, 2);
        s.pad_bottom = (size_t)random_int(0, 2);
        s.pad_right = (size_t)random_int(0, 2);
    }
    s.height = extent(s.kernel_height, s.dilation_height, s.pad_top + s.pad_bottom);
    s.width = extent(s.kernel_width, s.dilation_width, s.pad_left + s.pad_right);
    window_case w = {.shape = s};
    w.out_height = (s.height + s.pad_top + s.pad_bottom -
                    (s.kernel_height - 1) * s.dilation_height - 1) /
                       s.stride_height +
                   1;
    w.out_width =
        (s.width + s.pad_left + s.pad_right - (s.kernel_width - 1) * s.dilation_width - 1) /
            s.stride_width +
        1;
    w.in_pixels = s.batch * s.height * s.width;
    w.out_pixels = s.batch * w.out_height * w.out_width;
    w.taps = s.kernel_height * s.kernel_width * s.channels / s.groups;
    return w;
}

static double naive_sum(const window_case *window, const double *image, int pad_value,
                        const int8_t *weights, int is_float, size_t y, size_t x, size_t filter)
{
    const bnn_convolution *s = &window->shape;
    const size_t inputs = s->channels / s->groups;
    const size_t first = filter / (s->filters / s->groups) * inputs;
    const int8_t *weight = weights + filter * window->taps;
    double sum = 0;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++)
            for (size_t c = 0; c < inputs; c++, weight++) {
                /* Left of or above the input, the difference wraps to a large number. */
                const size_t row = y * s->stride_height + kh * s->dilation_height - s->pad_top;
                const size_t column = x * s->stride_width + kw * s->dilation_width - s->pad_left;
                const int outside = row >= s->height || column >= s->width;
                const size_t at = (row * s->width + column) * s->channels + first + c;
                sum += *weight * (outside ? pad_value : image[at]);
                if (is_float)
                    sum = (float)sum;
            }
    return sum;
}

void naive_sums(const window_case *window, const double *input, int pad_value,
                const int8_t *weights, int is_float, double *sums)
{
    const bnn_convolution *s = &window->shape;
    for (size_t n = 0; n < s->batch; n++, input += s->height * s->width * s->channels)
        for (size_t y = 0; y < window->out_height; y++)
            for (size_t x = 0; x < window->out_width; x++)
                for (size_t f = 0; f < s->filters; f++)
                    *sums++ = naive_sum(window, input, pad_value, weights, is_float, y, x, f);
}

void naive_bits(const double *numbers, size_t pixels, size_t channels, const double *thresholds,
                const uint8_t *flips, uint64_t *bits)
{
    const size_t words = words_of(channels);
    memset(bits, 0, pixels * words * sizeof *bits);
    for (size_t p = 0; p < pixels; p++, numbers += channels, bits += words)
        for (size_t c = 0; c < channels; c++) {
            const double x = numbers[c], t = thresholds[c];
            bits[c / WORD_BITS] |= (uint64_t)(flips[c] ? x > t : x < t) << c % WORD_BITS;
        }
}

size_t words_of(size_t channels)
{
    return (channels + WORD_BITS - 1) / WORD_BITS;
}
