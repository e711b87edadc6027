/* A program: kernels with their buffers, run one after the other by one team in one call. */
#ifndef BNNPLAN_PROGRAM_H
#define BNNPLAN_PROGRAM_H

#include <bnnplan/team.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const bnn_kernel *kernel;
    const void *const *inputs;
    void *const *outputs;
    size_t input_count;
    size_t output_count;
} bnn_step;

typedef struct bnn_program bnn_program;

/* Kernels, buffers and team must outlive the program; the arrays of pointers are copied.
 * Fails if a kernel wants more threads than the team has. */
bnn_status bnn_program_create(const bnn_step *steps, size_t count, bnn_team *team,
                              bnn_program **program);

/* Run all steps; returns when the last output is complete. If `nanoseconds` is not NULL, it
 * receives the time of each step, from the end of the step before it. */
bnn_status bnn_program_run(bnn_program *program, uint64_t *nanoseconds);

/* bnn_program_run(program, NULL), as what runs anything wants it. */
bnn_status bnn_program_call(void *program);

/* Where the program keeps the pointer to a buffer of a step, which may be set anew between runs;
 * NULL if there is none. It must stay aligned to BNN_BUFFER_ALIGNMENT. */
void **bnn_program_pointer(bnn_program *program, size_t step, size_t index, bool output);

/* Bytes of workspace that the program holds: the most that any of its kernels needs. */
size_t bnn_program_workspace_bytes(const bnn_program *program);

/* NULL is allowed. */
void bnn_program_destroy(bnn_program *program);

/* Free a kernel; NULL is allowed. */
void bnn_kernel_destroy(bnn_kernel *kernel);

#ifdef __cplusplus
}
#endif

#endif
