/* The library without Python: binary convolutions against a naive loop, for every instruction set
 * of this machine and several threads, in programs that run many times; and errors.
 */
#include "random.h"

#include <bnnplan/binary.h>
#include <bnnplan/program.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                          \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            printf("%s:%d: %s failed (%s)\n", __FILE__, __LINE__, #condition, bnn_last_error());  \
            failures++;                                                                           \
        }                                                                                         \
    } while (0)

enum { SIDE = 7, MOST_CHANNELS = 140, KERNEL = 3, THREADS = 3, RUNS = 50 };

typedef struct {
    bnn_convolution shape;
    int pad_value;
    int8_t input[SIDE * SIDE * MOST_CHANNELS];
    int8_t weights[MOST_CHANNELS * KERNEL * KERNEL * MOST_CHANNELS];
    int32_t thresholds[MOST_CHANNELS];
    uint8_t flips[MOST_CHANNELS];
    size_t out_height, out_width, in_words, out_words;
} problem;

static uint64_t packed_input[SIDE * SIDE * 3];
static uint64_t packed_output[SIDE * SIDE * 3];
static int32_t sums[SIDE * SIDE * MOST_CHANNELS];

static void make(problem *p)
{
    p->shape = (bnn_convolution){
        .batch = 1,
        .height = (size_t)random_int(3, SIDE),
        .width = (size_t)random_int(3, SIDE),
        .channels = (size_t)random_int(1, MOST_CHANNELS),
        .filters = (size_t)random_int(1, MOST_CHANNELS),
        .kernel_height = (size_t)random_int(1, KERNEL),
        .kernel_width = (size_t)random_int(1, KERNEL),
        .stride_height = (size_t)random_int(1, 2),
        .stride_width = (size_t)random_int(1, 2),
        .pad_top = (size_t)random_int(0, 1),
        .pad_left = (size_t)random_int(0, 1),
        .dilation_height = 1,
        .dilation_width = 1,
        .groups = 1,
    };
    const bnn_convolution *s = &p->shape;
    p->pad_value = random_int(-1, 1);
    p->in_words = (s->channels + 63) / 64;
    p->out_words = (s->filters + 63) / 64;
    p->out_height = (s->height + s->pad_top - s->kernel_height) / s->stride_height + 1;
    p->out_width = (s->width + s->pad_left - s->kernel_width) / s->stride_width + 1;
    random_signs(p->input, s->height * s->width * s->channels);
    random_signs(p->weights, s->filters * s->kernel_height * s->kernel_width * s->channels);
    for (size_t f = 0; f < s->filters; f++) {
        p->thresholds[f] = random_int(0, 20) == 0 ? INT32_MIN : random_int(-30, 30);
        p->flips[f] = (uint8_t)random_int(0, 1);
    }
    memset(packed_input, 0, sizeof packed_input);
    for (size_t i = 0; i < s->height * s->width; i++)
        for (size_t c = 0; c < s->channels; c++)
            if (p->input[i * s->channels + c] < 0)
                packed_input[i * p->in_words + c / 64] |= (uint64_t)1 << c % 64;
}

static int32_t naive_sum(const problem *p, size_t y, size_t x, size_t f)
{
    const bnn_convolution *s = &p->shape;
    const int8_t *weight =
        p->weights + f * s->kernel_height * s->kernel_width * s->channels;
    int32_t sum = 0;
    for (size_t kh = 0; kh < s->kernel_height; kh++)
        for (size_t kw = 0; kw < s->kernel_width; kw++)
            for (size_t c = 0; c < s->channels; c++, weight++) {
                size_t row = y * s->stride_height + kh, column = x * s->stride_width + kw;
                int outside = row < s->pad_top || row - s->pad_top >= s->height ||
                              column < s->pad_left || column - s->pad_left >= s->width;
                size_t at = ((row - s->pad_top) * s->width + column - s->pad_left) * s->channels;
                sum += *weight * (outside ? p->pad_value : p->input[at + c]);
            }
    return sum;
}

static void compare(const problem *p)
{
    const size_t filters = p->shape.filters;
    int wrong_sums = 0, wrong_bits = 0;
    for (size_t y = 0; y < p->out_height; y++)
        for (size_t x = 0; x < p->out_width; x++)
            for (size_t f = 0; f < filters; f++) {
                size_t pixel = y * p->out_width + x;
                int32_t sum = naive_sum(p, y, x, f), t = p->thresholds[f];
                int bit = p->flips[f] ? sum > t : sum < t;
                wrong_sums += sums[pixel * filters + f] != sum;
                wrong_bits += (int)(packed_output[pixel * p->out_words + f / 64] >> f % 64 & 1) != bit;
            }
    CHECK(wrong_sums == 0);
    CHECK(wrong_bits == 0);
}

/* Sums and bits of one problem as a program of two steps. */
static void test_convolution(bnn_isa isa, bnn_team *team)
{
    problem *p = malloc(sizeof *p);
    make(p);
    const int axes[] = {0, BNN_Y, BNN_Z, BNN_Y | BNN_Z};
    const bnn_execution execution = {isa, axes[random_int(0, 3)], random_int(1, THREADS)};
    bnn_kernel *to_sums = NULL, *to_bits = NULL;
    bnn_program *program = NULL;
    CHECK(bnn_binary_conv_create(&p->shape, p->pad_value, p->weights, NULL, NULL, &execution,
                                 &to_sums) == BNN_OK);
    CHECK(bnn_binary_conv_create(&p->shape, p->pad_value, p->weights, p->thresholds, p->flips,
                                 &execution, &to_bits) == BNN_OK);
    const void *inputs[] = {packed_input};
    void *outputs[] = {sums, packed_output};
    const bnn_step steps[] = {
        {to_sums, inputs, outputs, 1, 1},
        {to_bits, inputs, outputs + 1, 1, 1},
    };
    CHECK(bnn_program_create(steps, 2, team, &program) == BNN_OK);
    for (int run = 0; run < RUNS; run++) {
        uint64_t nanoseconds[2];
        CHECK(bnn_program_run(program, run % 2 == 0 ? NULL : nanoseconds) == BNN_OK);
    }
    compare(p);
    bnn_program_destroy(program);
    bnn_kernel_destroy(to_sums);
    bnn_kernel_destroy(to_bits);
    free(p);
}

static void test_errors(bnn_team *team)
{
    const bnn_execution execution = {BNN_ISA_BEST, 0, 1};
    const bnn_convolution shape = {0};
    const int8_t weight = 1;
    bnn_kernel *kernel = NULL;
    bnn_program *program = NULL;
    CHECK(bnn_binary_conv_create(&shape, 0, &weight, NULL, NULL, &execution, &kernel) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_binary_dense_create(1, 1, 1, NULL, NULL, NULL, &execution, &kernel) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_program_create(NULL, 0, team, &program) == BNN_BAD_ARGUMENT);
    CHECK(strlen(bnn_last_error()) > 0);
    CHECK(kernel == NULL && program == NULL);
}

int main(void)
{
    bnn_team *team = NULL;
    CHECK(bnn_team_create(NULL, THREADS, &team) == BNN_OK);
    for (int isa = BNN_ISA_PORTABLE; isa <= BNN_ISA_AVX512; isa++) {
        bnn_isa chosen;
        if (bnn_isa_choose((bnn_isa)isa, &chosen) != BNN_OK) {
            printf("%s: not tested: %s\n", bnn_isa_name((bnn_isa)isa), bnn_last_error());
            continue;
        }
        for (int i = 0; i < 60; i++)
            test_convolution(chosen, team);
        printf("%s: tested\n", bnn_isa_name(chosen));
    }
    test_errors(team);
    bnn_team_destroy(team);
    printf("%d failures\n", failures);
    return failures != 0;
}
