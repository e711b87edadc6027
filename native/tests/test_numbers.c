/* Layers that treat every number alone, and have a loop for each instruction set. */
#include "check.h"

#include <bnnplan/numbers.h>

#include <math.h>
#include <string.h>

enum { CASES = 25, STEPS = 5, ALL_AXES = BNN_X | BNN_Y | BNN_Z };

/* A tensor of numbers, and of float32 parameters per channel. */
typedef struct {
    bnn_tensor_spec spec;
    size_t count;
    void *numbers;
    double *values;
    float *first, *second, *steps, *expected;
} tensor;

static tensor make(bnn_element element)
{
    tensor t = {.spec = {random_int(1, 3), random_int(1, 6), random_int(1, 70)}};
    const size_t channels = (size_t)t.spec.channels;
    t.count = (size_t)(t.spec.batch * t.spec.pixels) * channels;
    t.numbers = room(t.count * 4);
    t.values = room(t.count * sizeof *t.values);
    t.expected = room(t.count * sizeof *t.expected);
    t.first = room(channels * sizeof *t.first);
    t.second = room(channels * sizeof *t.second);
    t.steps = room(channels * STEPS * sizeof *t.steps);
    random_numbers(element, t.count, t.numbers, t.values);
    for (size_t c = 0; c < channels; c++) {
        t.first[c] = 0.03f * (float)random_int(1, 90);
        t.second[c] = 0.7f * (float)random_int(-20, 20);
        for (int i = 0; i < STEPS; i++)
            t.steps[c * STEPS + (size_t)i] = (float)(5 * i) + 0.25f * (float)random_int(-80, -60);
    }
    return t;
}

static void discard(tensor *t)
{
    free(t->numbers);
    free(t->values);
    free(t->expected);
    free(t->first);
    free(t->second);
    free(t->steps);
}

/* Run the kernel that CALL makes, and expect EXPECTED of every x in channel c. */
#define ELEMENTWISE(NAME, CALL, EXPECTED)                                                         \
    static void NAME(const bench *on, bnn_element element)                                        \
    {                                                                                             \
        tensor t = make(element);                                                                 \
        const bnn_execution execution = random_execution(on->isa, ALL_AXES);                      \
        bnn_kernel *kernel = NULL;                                                                \
        for (size_t i = 0; i < t.count; i++) {                                                    \
            const size_t c = i % (size_t)t.spec.channels;                                         \
            const float x = (float)t.values[i], first = t.first[c], second = t.second[c];         \
            (void)first, (void)second;                                                            \
            t.expected[i] = EXPECTED;                                                             \
        }                                                                                         \
        CHECK(CALL == BNN_OK);                                                                    \
        expect(#NAME, on, kernel, t.numbers, NULL, t.expected, t.count * sizeof *t.expected);     \
        discard(&t);                                                                              \
    }

static float quantized(float x, float scale, float zero, bnn_rounding rounding)
{
    const float real = x / scale + zero;
    float whole = rounding == BNN_NEAREST_EVEN ? rintf(real)
                  : rounding == BNN_FLOOR      ? floorf(real)
                  : rounding == BNN_CEIL       ? ceilf(real)
                                               : truncf(real);
    whole = whole < -8 ? -8 : whole > 7 ? 7 : whole;
    return (whole - zero) * scale;
}

static float reached(float x, const float *steps)
{
    float count = 0;
    for (int i = 0; i < STEPS; i++)
        count += (float)(x >= steps[i]);
    return count * 0.3f + -0.4f;
}

ELEMENTWISE(scale_bias,
            bnn_scale_bias_create(&t.spec, element, t.first, t.second, &execution, &kernel),
            x * first + second)
ELEMENTWISE(prelu, bnn_prelu_create(&t.spec, t.second, &execution, &kernel),
            x >= 0 ? x : x * second)
ELEMENTWISE(clip, bnn_clip_create(&t.spec, -3.5f, 6, &execution, &kernel),
            x < -3.5f ? -3.5f : x > 6 ? 6 : x)
ELEMENTWISE(multi_threshold,
            bnn_multi_threshold_create(&t.spec, element, t.steps, STEPS, 0.3f, -0.4f, &execution,
                                       &kernel),
            reached(x, t.steps + c * STEPS))
#define QUANTIZE(NAME, ROUNDING)                                                                  \
    ELEMENTWISE(NAME,                                                                             \
                bnn_quantize_create(&t.spec, t.first, t.second, -8, 7, ROUNDING, &execution,      \
                                    &kernel),                                                     \
                quantized(x, first, second, ROUNDING))
QUANTIZE(quantize_nearest_even, BNN_NEAREST_EVEN)
QUANTIZE(quantize_floor, BNN_FLOOR)
QUANTIZE(quantize_ceil, BNN_CEIL)
QUANTIZE(quantize_to_zero, BNN_TO_ZERO)

static void scale_bias_of_bits(const bench *on)
{
    tensor t = make(BNN_FLOAT32);
    const size_t channels = (size_t)t.spec.channels, pixels = t.count / channels;
    const size_t words = (channels + 63) / 64;
    uint64_t *bits = room(pixels * words * sizeof *bits);
    memset(bits, 0, pixels * words * sizeof *bits);
    for (size_t i = 0; i < t.count; i++) {
        const size_t c = i % channels;
        const int bit = random_int(0, 1);
        bits[i / channels * words + c / 64] |= (uint64_t)bit << c % 64;
        t.expected[i] = (bit ? -t.first[c] : t.first[c]) + t.second[c];
    }
    const bnn_execution execution = random_execution(on->isa, ALL_AXES);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_scale_bias_create(&t.spec, BNN_BIT, t.first, t.second, &execution, &kernel) ==
          BNN_OK);
    expect("scale and bias of bits", on, kernel, bits, NULL, t.expected, t.count * 4);
    free(bits);
    discard(&t);
}

static void add(const bench *on, bnn_element element)
{
    tensor t = make(element);
    void *second = room(t.count * 4);
    double *values = room(t.count * sizeof *values);
    random_numbers(element, t.count, second, values);
    for (size_t i = 0; i < t.count; i++)
        if (element == BNN_FLOAT32)
            t.expected[i] = (float)t.values[i] + (float)values[i];
        else
            ((int32_t *)(void *)t.expected)[i] = (int32_t)(t.values[i] + values[i]);
    const bnn_execution execution = random_execution(on->isa, ALL_AXES);
    bnn_kernel *kernel = NULL;
    CHECK(bnn_add_create(&t.spec, element, &execution, &kernel) == BNN_OK);
    expect("add", on, kernel, t.numbers, second, t.expected, t.count * 4);
    free(second);
    free(values);
    discard(&t);
}

void test_numbers(const bench *on)
{
    for (int i = 0; i < CASES; i++) {
        for (bnn_element element = BNN_UINT8; element <= BNN_FLOAT32; element++) {
            scale_bias(on, element);
            multi_threshold(on, element);
        }
        scale_bias_of_bits(on);
        add(on, BNN_INT32);
        add(on, BNN_FLOAT32);
        prelu(on, BNN_FLOAT32);
        clip(on, BNN_FLOAT32);
        quantize_nearest_even(on, BNN_FLOAT32);
        quantize_floor(on, BNN_FLOAT32);
        quantize_ceil(on, BNN_FLOAT32);
        quantize_to_zero(on, BNN_FLOAT32);
    }
}
