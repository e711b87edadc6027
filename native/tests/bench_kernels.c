/* Binary 3x3 convolutions of ResNet-18, bits to bits: median microseconds and 10^12 operations a
 * second (a multiplication or an addition is one). Usage: bench_kernels [threads]
 */
#define _POSIX_C_SOURCE 200809L
#include "random.h"

#include <bnnplan/binary.h>
#include <bnnplan/program.h>

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 101, WORD_BITS = 64 };

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t median_nanoseconds(bnn_program *program)
{
    uint64_t samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        if (bnn_program_run(program, &samples[i]) != BNN_OK)
            return 0;
    qsort(samples, SAMPLES, sizeof *samples, by_value);
    return samples[SAMPLES / 2];
}

/* Returns 0 if the layer could not be run. */
static uint64_t bench(size_t side, size_t channels, const bnn_execution *execution, bnn_team *team)
{
    const bnn_convolution shape = {1, side, side, channels, channels, 3, 3, 1,
                                   1, 1,    1,    1,        1,        1, 1, 1};
    const size_t words = side * side * channels / WORD_BITS;
    uint64_t *input = calloc(words, sizeof *input), *output = calloc(words, sizeof *output);
    int8_t *weights = malloc(channels * channels * 9);
    int32_t *thresholds = calloc(channels, sizeof *thresholds);
    uint8_t *flips = calloc(channels, sizeof *flips);
    bnn_kernel *kernel = NULL;
    bnn_program *program = NULL;
    uint64_t time = 0;
    if (input && output && weights && thresholds && flips) {
        random_signs(weights, channels * channels * 9);
        for (size_t i = 0; i < words; i++)
            input[i] = random_word();
        const void *inputs[] = {input};
        void *outputs[] = {output};
        if (bnn_binary_conv_create(&shape, 0, weights, thresholds, flips, execution, &kernel) ==
            BNN_OK) {
            const bnn_step step = {kernel, inputs, outputs, 1, 1};
            if (bnn_program_create(&step, 1, team, &program) == BNN_OK)
                time = median_nanoseconds(program);
        }
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

int main(int count, char **arguments)
{
    static const size_t layers[][2] = {{56, 64}, {28, 128}, {14, 256}, {7, 512}};
    const bnn_execution execution = {BNN_ISA_BEST, BNN_Y | BNN_Z,
                                     count > 1 ? atoi(arguments[1]) : 1, BNN_METHOD_BEST};
    bnn_team *team = NULL;
    bnn_isa isa;
    if (bnn_isa_choose(BNN_ISA_BEST, &isa) != BNN_OK ||
        bnn_team_create(NULL, execution.threads, &team) != BNN_OK) {
        fprintf(stderr, "%s\n", bnn_last_error());
        return 1;
    }
    printf("%s, %d threads\n", bnn_isa_name(isa), execution.threads);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const size_t side = layers[i][0], channels = layers[i][1];
        uint64_t time = bench(side, channels, &execution, team);
        if (time == 0) {
            fprintf(stderr, "%s\n", bnn_last_error());
            return 1;
        }
        double operations = 2.0 * 9 * (double)(side * side * channels * channels);
        printf("3x3 %zux%zux%zu: %.1f us, %.2f Tera-op/s\n", side, side, channels,
               (double)time / 1e3, operations / 1e3 / (double)time);
    }
    bnn_team_destroy(team);
    return 0;
}
