/* Pooling and convolution of numbers. */
#include "check.h"

#include <bnnplan/numbers.h>

enum { CASES = 25, ALL_AXES = BNN_X | BNN_Y | BNN_Z };

/* Where a tap lies, or -1 if outside. */
static int64_t place(const bnn_window_spec *s, int64_t n, int64_t y, int64_t x, int64_t tap)
{
    const int64_t row = y * s->strides[0] + tap / s->kernel[1] * s->dilations[0] - s->pads[0];
    const int64_t column = x * s->strides[1] + tap % s->kernel[1] * s->dilations[1] - s->pads[1];
    if (row < 0 || row >= s->height || column < 0 || column >= s->width)
        return -1;
    return ((n * s->height + row) * s->width + column) * s->channels;
}

typedef struct {
    bnn_window_spec spec;
    int64_t windows[2];
    size_t in, pixels; /* elements of the input, pixels of the output */
} window_case;

static window_case random_window(int64_t channels, int dilation)
{
    window_case w = {.spec = {.batch = random_int(1, 2), .channels = channels}};
    bnn_window_spec *s = &w.spec;
    int64_t *extents[] = {&s->height, &s->width};
    for (int axis = 0; axis < 2; axis++) {
        s->kernel[axis] = random_int(1, 3);
        s->strides[axis] = random_int(1, 2);
        s->dilations[axis] = random_int(1, dilation);
        s->pads[axis] = random_int(0, (int)s->kernel[axis] - 1);
        s->pads[axis + 2] = random_int(0, (int)s->kernel[axis] - 1);
        *extents[axis] = (s->kernel[axis] - 1) * s->dilations[axis] + random_int(1, 9);
        const int64_t padded = *extents[axis] + s->pads[axis] + s->pads[axis + 2];
        w.windows[axis] =
            (padded - (s->kernel[axis] - 1) * s->dilations[axis] - 1) / s->strides[axis] + 1;
    }
    w.in = (size_t)(s->batch * s->height * s->width * channels);
    w.pixels = (size_t)(s->batch * w.windows[0] * w.windows[1]);
    return w;
}

/* Pooling of one output element by the largest or smallest, or by the mean. */
static double pooled(const window_case *w, const double *values, int64_t pixel, int64_t c,
                     int smallest, double *sum, int *taps)
{
    const int64_t x = pixel % w->windows[1], y = pixel / w->windows[1] % w->windows[0];
    const int64_t n = pixel / w->windows[1] / w->windows[0];
    double best = 0;
    *sum = *taps = 0;
    for (int64_t tap = 0; tap < w->spec.kernel[0] * w->spec.kernel[1]; tap++) {
        const int64_t at = place(&w->spec, n, y, x, tap);
        if (at < 0)
            continue;
        const double value = values[at + c];
        if (*taps == 0 || (smallest ? value < best : value > best))
            best = value;
        *sum = (float)(*sum + (float)value);
        ++*taps;
    }
    return best;
}

static void pool(const bench *on, bnn_element element)
{
    const window_case w = random_window(random_int(1, 90), 1);
    const size_t channels = (size_t)w.spec.channels, out = w.pixels * channels;
    const size_t bytes = element == BNN_UINT8 || element == BNN_INT8 ? 1 : 4;
    const int all_taps = (int)(w.spec.kernel[0] * w.spec.kernel[1]);
    const int mixed = random_int(0, 1), count_pads = random_int(0, 1);
    void *numbers = room(w.in * 4), *best = room(out * 4);
    double *values = room(w.in * sizeof *values);
    float *mean = room(out * sizeof *mean);
    uint8_t *minimum = room(channels);
    random_numbers(element, w.in, numbers, values);
    for (size_t c = 0; c < channels; c++)
        minimum[c] = (uint8_t)(mixed && random_int(0, 1));
    for (size_t i = 0; i < out; i++) {
        const size_t c = i % channels;
        int taps;
        double sum, value =
                        pooled(&w, values, (int64_t)(i / channels), (int64_t)c, minimum[c], &sum,
                               &taps);
        mean[i] = (float)sum / (float)(count_pads ? all_taps : taps);
        switch (element) {
        case BNN_UINT8: ((uint8_t *)best)[i] = (uint8_t)value; break;
        case BNN_INT8: ((int8_t *)best)[i] = (int8_t)value; break;
        case BNN_INT32: ((int32_t *)best)[i] = (int32_t)value; break;
        default: ((float *)best)[i] = (float)value; break;
        }
    }
    bnn_execution execution = random_execution(on->isa, ALL_AXES);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_number_max_pool_create(&w.spec, element, mixed ? minimum : NULL, &execution,
                                     &kernel) == BNN_OK);
    expect("max pool", on, kernel, numbers, NULL, best, out * bytes);
    if (element == BNN_INT32 || element == BNN_FLOAT32) {
        CHECK(bnn_average_pool_create(&w.spec, element, count_pads, &execution, &kernel) == BNN_OK);
        expect("average pool", on, kernel, numbers, NULL, mean, out * 4);
    }
    free(numbers);
    free(best);
    free(values);
    free(mean);
    free(minimum);
}

static void float_convolution(const bench *on)
{
    const int64_t groups = random_int(0, 2) == 0 ? random_int(2, 9) : 1;
    const int64_t inputs = random_int(0, 2) == 0 ? 1 : random_int(1, 9);
    const int64_t of_group = inputs == 1 && groups > 1 ? 1 : random_int(1, 40);
    const window_case w = random_window(groups * inputs, 2);
    const int64_t filters = groups * of_group, taps = w.spec.kernel[0] * w.spec.kernel[1];
    const size_t weights = (size_t)(filters * taps * inputs), out = w.pixels * (size_t)filters;
    float *x = room(w.in * 4), *weight = room(weights * 4), *bias = room((size_t)filters * 4);
    float *expected = room(out * 4);
    double *values = room((w.in + weights + (size_t)filters) * sizeof *values);
    random_numbers(BNN_FLOAT32, w.in, x, values);
    random_numbers(BNN_FLOAT32, weights, weight, values);
    random_numbers(BNN_FLOAT32, (size_t)filters, bias, values);
    for (size_t i = 0; i < out; i++) {
        const int64_t f = (int64_t)i % filters, pixel = (int64_t)i / filters;
        const int64_t column = pixel % w.windows[1], row = pixel / w.windows[1] % w.windows[0];
        float sum = bias[f];
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t at =
                place(&w.spec, pixel / w.windows[1] / w.windows[0], row, column, tap);
            for (int64_t c = 0; at >= 0 && c < inputs; c++)
                sum += x[at + f / of_group * inputs + c] * weight[(f * taps + tap) * inputs + c];
        }
        expected[i] = sum;
    }
    const bnn_execution execution = random_execution(on->isa, ALL_AXES);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_float_conv_create(&w.spec, filters, groups, weight, bias, &execution, &kernel) ==
          BNN_OK);
    expect("float convolution", on, kernel, x, NULL, expected, out * 4);
    free(x);
    free(weight);
    free(bias);
    free(expected);
    free(values);
}

void test_number_windows(const bench *on)
{
    for (int i = 0; i < CASES; i++) {
        for (bnn_element element = BNN_UINT8; element <= BNN_FLOAT32; element++)
            pool(on, element);
        float_convolution(on);
        float_convolution(on);
    }
}
