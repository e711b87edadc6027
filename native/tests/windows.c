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
    s.groups = random_int(0, 2) != 0 ? 1 : (size_t)random_int(2, channels < 16 ? 4 : 16);
    s.channels = s.groups * (size_t)random_int(1, channels / (int)s.groups);
    if (random_int(0, 1) != 0) /* whole nibbles: groups that can be looked up together */
        s.channels = (s.channels / s.groups + 3) / 4 * 4 * s.groups;
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

bnn_pooling random_pooling(const window_case *window, uint8_t *minimum)
{
    bnn_pooling pool = {.minimum = random_int(0, 2) == 0 ? NULL : minimum};
    pool.height = (size_t)random_int(1, window->out_height < 3 ? (int)window->out_height : 3);
    pool.width = (size_t)random_int(1, window->out_width < 3 ? (int)window->out_width : 3);
    pool.stride_height = pool.height + (size_t)random_int(0, 1);
    pool.stride_width = pool.width + (size_t)random_int(0, 1);
    for (size_t f = 0; f < window->shape.filters; f++)
        minimum[f] = (uint8_t)random_int(0, 1);
    return pool;
}

/* Whether all bits of a filter in one window are 1, or whether any is. */
static int pooled_bit(const uint64_t *image, const bnn_pooling *pool, size_t row, size_t column,
                      size_t width, size_t words, size_t filter)
{
    int all = 1, any = 0;
    for (size_t y = row; y < row + pool->height; y++)
        for (size_t x = column; x < column + pool->width; x++) {
            const uint64_t word = image[(y * width + x) * words + filter / WORD_BITS];
            const int bit = (int)(word >> filter % WORD_BITS & 1);
            all &= bit;
            any |= bit;
        }
    return pool->minimum != NULL && pool->minimum[filter] ? any : all;
}

size_t naive_pool(const window_case *window, const uint64_t *bits, const bnn_pooling *pool,
                  uint64_t *pooled)
{
    const size_t filters = window->shape.filters, words = words_of(filters);
    const size_t image = window->out_height * window->out_width * words;
    size_t pixels = 0;
    for (size_t n = 0; n < window->shape.batch; n++, bits += image)
        for (size_t y = 0; y + pool->height <= window->out_height; y += pool->stride_height)
            for (size_t x = 0; x + pool->width <= window->out_width; x += pool->stride_width) {
                uint64_t *to = pooled + pixels++ * words;
                memset(to, 0, words * sizeof *to);
                for (size_t f = 0; f < filters; f++)
                    to[f / WORD_BITS] |=
                        (uint64_t)pooled_bit(bits, pool, y, x, window->out_width, words, f)
                        << f % WORD_BITS;
            }
    return pixels;
}

void random_scales(const window_case *window, const double *sums, float *scales, float *biases,
                   float *scaled)
{
    const size_t filters = window->shape.filters;
    for (size_t f = 0; f < filters; f++) {
        scales[f] = (float)random_int(-1000, 1000) / 700.0f;
        biases[f] = (float)random_int(-1000, 1000) / 3.0f;
    }
    for (size_t i = 0; i < window->out_pixels * filters; i++) {
        const float product = (float)sums[i] * scales[i % filters];
        scaled[i] = product + biases[i % filters];
    }
}

size_t words_of(size_t channels)
{
    return (channels + WORD_BITS - 1) / WORD_BITS;
}
