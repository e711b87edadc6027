/* Loops over elements with parameters per channel, written for the compiler to vectorise. */
#include <math.h>

#include "numbers/lanes.h"

/* Run BODY for element i of every row of T inputs x and float outputs y. */
#define MAP(NAME, T, BODY)                                                                  \
    static void NAME(const bnn_run *run) {                                                  \
        const float *restrict first = run->first, *restrict second = run->second;           \
        const float low = run->low, high = run->high;                                       \
        (void)first, (void)second, (void)low, (void)high;                                   \
        for (int64_t row = 0; row < run->rows; row++) {                                     \
            const T *restrict x = (const T *)run->inputs[0] + row * run->stride;            \
            float *restrict y = (float *)run->output + row * run->stride;                   \
            for (int64_t i = 0; i < run->count; i++) BODY                                   \
        }                                                                                   \
    }

#define SCALE_BIAS { y[i] = (float)x[i] * first[i] + second[i]; }
MAP(scale_bias_uint8, uint8_t, SCALE_BIAS)
MAP(scale_bias_int8, int8_t, SCALE_BIAS)
MAP(scale_bias_int32, int32_t, SCALE_BIAS)
MAP(scale_bias_float32, float, SCALE_BIAS)
#undef SCALE_BIAS

/* The floats stand where the numbers stood, which are as long. */
#define SCALE_IN_PLACE(NAME, T, VECTOR)                                                     \
    static void NAME(const bnn_run *run)                                                    \
    {                                                                                       \
        for (int64_t row = 0; row < run->rows; row++) {                                     \
            float *at = (float *)run->output + row * run->stride;                           \
            int64_t i = 0;                                                                  \
            for (; i + LANES <= run->count; i += LANES) {                                   \
                VECTOR x;                                                                   \
                memcpy(&x, at + i, sizeof x);                                               \
                const vfloat value = __builtin_convertvector(x, vfloat);                    \
                store(at + i, value * load(run->first + i) + load(run->second + i));        \
            }                                                                               \
            for (; i < run->count; i++) {                                                   \
                T x;                                                                        \
                memcpy(&x, at + i, sizeof x);                                               \
                at[i] = (float)x * run->first[i] + run->second[i];                          \
            }                                                                               \
        }                                                                                   \
    }
SCALE_IN_PLACE(scale_in_place_int32, int32_t, vint)
SCALE_IN_PLACE(scale_in_place_float32, float, vfloat)
#undef SCALE_IN_PLACE

/* In this form NaN stays NaN. */
BNN_INLINE float bounded(float x, float low, float high)
{
    float raised = x < low ? low : x;
    return raised > high ? high : raised;
}

MAP(clip, float, { y[i] = bounded(x[i], low, high); })

#define QUANTIZE(NAME, ROUND)                                                               \
    MAP(NAME, float, {                                                                      \
        float whole = bounded(ROUND(x[i] / first[i] + second[i]), low, high);               \
        y[i] = (whole - second[i]) * first[i];                                              \
    })
QUANTIZE(quantize_nearest_even, rintf)
QUANTIZE(quantize_floor, floorf)
QUANTIZE(quantize_ceil, ceilf)
QUANTIZE(quantize_to_zero, truncf)
#undef QUANTIZE
#undef MAP

static void prelu(const bnn_run *run)
{
    const float *slope = run->first;
    for (int64_t row = 0; row < run->rows; row++) {
        const float *x = (const float *)run->inputs[0] + row * run->stride;
        float *y = (float *)run->output + row * run->stride;
        int64_t i = 0;
        for (; i + LANES <= run->count; i += LANES) {
            const vfloat value = load(x + i);
            store(y + i, choose(value >= 0.0f, value, value * load(slope + i)));
        }
        for (; i < run->count; i++)
            y[i] = x[i] >= 0.0f ? x[i] : x[i] * slope[i];
    }
}

/* Lane i of the result is one[i] where bit i is set, else zero[i]. */
BNN_INLINE vfloat select_by_bits(uint32_t bits, const float *zero, const float *one)
{
    static const int32_t single[16] = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,
                                       1 << 6, 1 << 7, 1 << 8,  1 << 9,  1 << 10, 1 << 11,
                                       1 << 12, 1 << 13, 1 << 14, 1 << 15};
    vint lanes;
    memcpy(&lanes, single, sizeof lanes);
    return choose((lanes & (int32_t)(bits & 0xffff)) != 0, load(one), load(zero));
}

/* What a bit 0 and a bit 1 become was rounded when the kernel was made. */
static void scale_bias_bits(const bnn_run *run)
{
    const float *zero = run->first, *one = run->second;
    for (int64_t row = 0; row < run->rows; row++) {
        const uint64_t *x = (const uint64_t *)run->inputs[0] + row * run->words;
        float *y = (float *)run->output + row * run->stride;
        int64_t i = 0;
        for (; i + LANES <= run->count; i += LANES)
            store(y + i, select_by_bits((uint32_t)(x[i / 64] >> i % 64), zero + i, one + i));
        for (; i < run->count; i++)
            y[i] = x[i / 64] >> i % 64 & 1 ? one[i] : zero[i];
    }
}

/* A vector counts its thresholds in a register; comparisons give -1 where they hold. */
#define MULTI_THRESHOLD(NAME, T)                                                            \
    static void NAME(const bnn_run *run)                                                    \
    {                                                                                       \
        typedef T vector __attribute__((vector_size(sizeof(T) * LANES)));                   \
        for (int64_t row = 0; row < run->rows; row++) {                                     \
            const T *x = (const T *)run->inputs[0] + row * run->stride;                     \
            float *y = (float *)run->output + row * run->stride;                            \
            for (int64_t i = 0; i < run->count; i += LANES) {                               \
                const int64_t rest = run->count - i, kept = rest < LANES ? rest : LANES;    \
                vector loaded = {0};                                                        \
                if (kept == LANES)                                                          \
                    memcpy(&loaded, x + i, sizeof loaded);                                  \
                else                                                                        \
                    memcpy(&loaded, x + i, (size_t)kept * sizeof(T));                       \
                const vfloat value = __builtin_convertvector(loaded, vfloat);               \
                const float *threshold = run->first + i;                                    \
                vint reached = {0};                                                         \
                for (int64_t step = 0; step < run->steps; step++, threshold += run->pitch)  \
                    reached -= value >= load(threshold);                                    \
                const vfloat result =                                                       \
                    __builtin_convertvector(reached, vfloat) * run->low + run->high;        \
                if (kept == LANES)                                                          \
                    store(y + i, result);                                                   \
                else                                                                        \
                    memcpy(y + i, &result, (size_t)kept * sizeof(float));                   \
            }                                                                               \
        }                                                                                   \
    }
MULTI_THRESHOLD(multi_threshold_uint8, uint8_t)
MULTI_THRESHOLD(multi_threshold_int8, int8_t)
MULTI_THRESHOLD(multi_threshold_int32, int32_t)
MULTI_THRESHOLD(multi_threshold_float32, float)
#undef MULTI_THRESHOLD

/* Unsigned arithmetic for integers: overflow is then defined. */
#define ADD(NAME, T)                                                                        \
    static void NAME(const bnn_run *run) {                                                  \
        for (int64_t row = 0; row < run->rows; row++) {                                     \
            const T *restrict a = (const T *)run->inputs[0] + row * run->stride;            \
            const T *restrict b = (const T *)run->inputs[1] + row * run->stride;            \
            T *restrict y = (T *)run->output + row * run->stride;                           \
            for (int64_t i = 0; i < run->count; i++) y[i] = a[i] + b[i];                    \
        }                                                                                   \
    }
ADD(add_int32, uint32_t)
ADD(add_float32, float)
#undef ADD
