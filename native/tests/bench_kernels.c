/* Products of bits, one layer after the other: median microseconds, 10^12 operations a second (a
 * multiplication or an addition is one), and the best of the samples. Convolutions give bits,
 * dense layers int32. Usage: bench_kernels [threads]
 */
#define _GNU_SOURCE
#include "random.h"

#include <bnnplan/binary.h>
#include <bnnplan/program.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 101, WORD_BITS = 64 };
#define ENOUGH_NANOSECONDS 300000000u /* for one layer, however slow the machine */

/* Of one layer. Dense layers have a batch of vectors and no side. */
typedef struct {
    size_t batch, side, channels, filters;
} layer;

static const layer layers[] = {
    /* 3x3 of ResNet-18 */
    {1, 56, 64, 64},
    {1, 28, 128, 128},
    {1, 14, 256, 256},
    {1, 7, 512, 512},
    /* matrix products */
    {64, 0, 576, 64},
    {256, 0, 2304, 256},
    {1024, 0, 1024, 1024},
    {3136, 0, 576, 64},
    {784, 0, 1152, 128},
    {196, 0, 2304, 256},
    {49, 0, 4608, 512},
    /* matrix times vector, and few vectors */
    {1, 0, 256, 256},
    {1, 0, 784, 128},
    {1, 0, 1024, 1024},
    {1, 0, 4608, 1000},
    {1, 0, 8192, 2048},
    {2, 0, 8192, 2048},
    {4, 0, 8192, 2048},
    {8, 0, 1024, 1024},
};

static size_t words_of(size_t bits)
{
    return (bits + WORD_BITS - 1) / WORD_BITS;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

typedef struct {
    uint64_t median, best; /* nanoseconds; 0 if the layer could not be run */
} timing;

static timing sample(bnn_program *program)
{
    uint64_t samples[SAMPLES], all = 0;
    size_t count = 0;
    while (count < SAMPLES && all < ENOUGH_NANOSECONDS) {
        if (bnn_program_run(program, &samples[count]) != BNN_OK)
            return (timing){0, 0};
        all += samples[count++];
    }
    qsort(samples, count, sizeof *samples, by_value);
    return (timing){samples[count / 2], samples[0]};
}

static timing bench(const layer *l, const bnn_execution *execution, bnn_team *team)
{
    const bnn_convolution shape = {l->batch, l->side, l->side, l->channels, l->filters, 3, 3, 1,
                                   1,        1,       1,       1,           1,          1, 1, 1};
    const size_t pixels = l->batch * (l->side == 0 ? 1 : l->side * l->side);
    const size_t taps = l->channels * (l->side == 0 ? 1 : 9);
    const size_t words = pixels * words_of(l->channels);
    uint64_t *input = malloc(words * sizeof *input);
    int32_t *output = calloc(pixels * l->filters, sizeof *output);
    int8_t *weights = malloc(l->filters * taps);
    int32_t *thresholds = calloc(l->filters, sizeof *thresholds);
    uint8_t *flips = calloc(l->filters, sizeof *flips);
    bnn_kernel *kernel = NULL;
    bnn_program *program = NULL;
    timing time = {0, 0};
    if (input && output && weights && thresholds && flips) {
        random_signs(weights, l->filters * taps);
        /* The tail of a vector's last word stays 0. */
        for (size_t i = 0; i < words; i++)
            input[i] = l->channels % WORD_BITS == 0 ? random_word() : 0;
        const void *inputs[] = {input};
        void *outputs[] = {output};
        const bnn_fusion to_bits = {.thresholds = thresholds, .flips = flips};
        const bnn_status status =
            l->side == 0 ? bnn_binary_dense_create(l->batch, l->channels, l->filters, weights,
                                                   NULL, execution, &kernel)
                         : bnn_binary_conv_create(&shape, 0, weights, &to_bits,
                                                  execution, &kernel);
        const bnn_step step = {kernel, inputs, outputs, 1, 1};
        if (status == BNN_OK && bnn_program_create(&step, 1, team, &program) == BNN_OK)
            time = sample(program);
    }
    bnn_program_destroy(program);
    bnn_kernel_destroy(kernel);
    free(input);
    free(output);
    free(weights);
    free(thresholds);
    free(flips);
    return time;
}

static void print(const layer *l, timing time)
{
    const size_t pixels = l->batch * (l->side == 0 ? 1 : l->side * l->side);
    const double products = (double)(pixels * l->channels * l->filters) * (l->side == 0 ? 1 : 9);
    char name[64];
    if (l->side == 0)
        snprintf(name, sizeof name, "dense %zux%zux%zu", l->batch, l->filters, l->channels);
    else
        snprintf(name, sizeof name, "3x3 %zux%zux%zu", l->side, l->side, l->channels);
    printf("%-20s %9.2f us  %5.2f Tera-op/s  best %5.2f\n", name, (double)time.median / 1e3,
           2 * products / 1e3 / (double)time.median, 2 * products / 1e3 / (double)time.best);
}

/* Threads on the first cores that there are: where the system places them, two may share one. */
static bnn_status create_team(int threads, bnn_team **team)
{
    int cores[CPU_SETSIZE], found = 0;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        for (int core = 0; core < CPU_SETSIZE && found < threads; core++)
            if (CPU_ISSET(core, &allowed))
                cores[found++] = core;
    return bnn_team_create(found == threads ? cores : NULL, threads, team);
}

int main(int count, char **arguments)
{
    const bnn_execution execution = {BNN_ISA_BEST, BNN_X | BNN_Y | BNN_Z,
                                     count > 1 ? atoi(arguments[1]) : 1, BNN_METHOD_BEST};
    bnn_team *team = NULL;
    bnn_isa isa;
    if (bnn_isa_choose(BNN_ISA_BEST, &isa) != BNN_OK ||
        create_team(execution.threads, &team) != BNN_OK) {
        fprintf(stderr, "%s\n", bnn_last_error());
        return 1;
    }
    printf("%s, %d threads\n", bnn_isa_name(isa), execution.threads);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const timing time = bench(&layers[i], &execution, team);
        if (time.best == 0) {
            fprintf(stderr, "%s\n", bnn_last_error());
            return 1;
        }
        print(&layers[i], time);
    }
    bnn_team_destroy(team);
    return 0;
}
