#include "check.h"

#include <string.h>

int failures;

enum { RUNS = 3, POISON = 0xa5 };

bnn_execution random_execution(bnn_isa isa, int axes)
{
    return (bnn_execution){
        .isa = isa, .axes = random_int(0, 7) & axes, .threads = random_int(1, THREADS)};
}

void *room(size_t bytes)
{
    void *memory = malloc(bytes == 0 ? 1 : bytes);
    if (memory == NULL)
        abort();
    return memory;
}

void expect(const char *what, const bench *on, bnn_kernel *kernel, const void *input,
            const void *second_input, const void *expected, size_t bytes)
{
    void *output = room(bytes);
    const void *inputs[] = {input, second_input};
    const bnn_step step = {kernel, inputs, &output, second_input == NULL ? 1 : 2, 1};
    bnn_program *program = NULL;
    CHECK(kernel != NULL);
    if (kernel != NULL)
        CHECK(bnn_program_create(&step, 1, on->team, &program) == BNN_OK);
    for (int run = 0; program != NULL && run < RUNS; run++) {
        uint64_t nanoseconds;
        memset(output, POISON, bytes);
        CHECK(bnn_program_run(program, run % 2 == 0 ? NULL : &nanoseconds) == BNN_OK);
        if (memcmp(output, expected, bytes) != 0) {
            printf("%s, %s: wrong\n", what, bnn_isa_name(on->isa));
            failures++;
            break;
        }
    }
    bnn_program_destroy(program);
    bnn_kernel_destroy(kernel);
    free(output);
}

void random_numbers(bnn_element element, size_t count, void *numbers, double *values)
{
    for (size_t i = 0; i < count; i++) {
        const int number = random_int(0, 255);
        switch (element) {
        case BNN_UINT8: values[i] = ((uint8_t *)numbers)[i] = (uint8_t)number; break;
        case BNN_INT8: values[i] = ((int8_t *)numbers)[i] = (int8_t)(number - 128); break;
        case BNN_INT32: values[i] = ((int32_t *)numbers)[i] = 3 * number - 400; break;
        case BNN_FLOAT32: values[i] = ((float *)numbers)[i] = 0.173f * (float)(number - 128); break;
        case BNN_BIT: abort();
        }
    }
}
