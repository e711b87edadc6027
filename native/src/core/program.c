#include <bnnplan/program.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/team_internal.h"

#include <stdatomic.h>

/* Affinities are changed and restored in 2 or 3 % of this. */
enum { BRIEF = 200000 };

/* One phase of one step. */
typedef struct {
    const bnn_kernel *kernel;
    bnn_call call; /* all but the thread */
    size_t step, input_count, output_count;
    bool barrier; /* whether all members meet after it */
} item;

struct bnn_program {
    bnn_team *team;
    item *items;
    const void **inputs;
    void **outputs;
    void *workspace;
    size_t item_count;
    size_t step_count;
    size_t workspace_bytes;
    int members;
    atomic_bool brief; /* it has run in less than BRIEF nanoseconds */
};

typedef struct {
    const bnn_program *program;
    uint64_t *nanoseconds;
} run;

static void walk(void *context, int thread)
{
    const run *self = context;
    const bnn_program *program = self->program;
    bnn_team *team = program->team;
    const int members = program->members;
    /* Other threads must not touch `self` after the last barrier: its owner may be gone. */
    uint64_t *const nanoseconds = thread == 0 ? self->nanoseconds : NULL;
    const item *const end = program->items + program->item_count;
    uint64_t before = nanoseconds != NULL ? bnn_clock() : 0;
    for (const item *at = program->items; at != end;) {
        if (thread < at->call.threads) {
            bnn_call call = at->call;
            call.thread = thread;
            at->kernel->run(at->kernel, &call);
        }
        bool barrier = at->barrier;
        size_t step = at->step;
        at++;
        if (barrier)
            bnn_team_barrier(team, members);
        if (nanoseconds != NULL) {
            uint64_t now = bnn_clock();
            nanoseconds[step] += now - before;
            before = now;
        }
    }
}

bnn_status bnn_program_run(bnn_program *program, uint64_t *nanoseconds)
{
    if (program == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no program to run");
    if (nanoseconds != NULL)
        memset(nanoseconds, 0, program->step_count * sizeof *nanoseconds);
    run self = {program, nanoseconds};
    const bool brief = atomic_load_explicit(&program->brief, memory_order_relaxed);
    const uint64_t before = brief ? 0 : bnn_clock();
    const bnn_status status =
        bnn_team_run(program->team, program->members, brief, walk, &self);
    if (!brief && bnn_clock() - before < BRIEF)
        atomic_store_explicit(&program->brief, true, memory_order_relaxed);
    return status;
}

bnn_status bnn_program_call(void *program)
{
    return bnn_program_run(program, NULL);
}

static bnn_status check_buffer(const void *buffer, const char *which, size_t number, size_t step)
{
    if (buffer == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "step %zu of a program lacks a buffer", step);
    if ((uintptr_t)buffer % BNN_BUFFER_ALIGNMENT != 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s %zu of step %zu is not aligned to %d bytes", which,
                        number, step, BNN_BUFFER_ALIGNMENT);
    return BNN_OK;
}

static bnn_status check_step(const bnn_step *step, size_t index, const bnn_team *team)
{
    const bnn_kernel *kernel = step->kernel;
    if (kernel == NULL || kernel->run == NULL || kernel->phases < 1 || kernel->threads < 1)
        return bnn_fail(BNN_BAD_ARGUMENT, "step %zu of a program has no usable kernel", index);
    if (kernel->threads > bnn_team_threads(team))
        return bnn_fail(BNN_BAD_ARGUMENT, "step %zu wants %d threads, but its team has %d", index,
                        kernel->threads, bnn_team_threads(team));
    if ((step->input_count != 0 && step->inputs == NULL) ||
        (step->output_count != 0 && step->outputs == NULL))
        return bnn_fail(BNN_BAD_ARGUMENT, "step %zu of a program lacks a buffer", index);
    bnn_status status = BNN_OK;
    for (size_t i = 0; status == BNN_OK && i < step->input_count; i++)
        status = check_buffer(step->inputs[i], "input", i, index);
    for (size_t i = 0; status == BNN_OK && i < step->output_count; i++)
        status = check_buffer(step->outputs[i], "output", i, index);
    return status;
}

/* Sizes of a program's arrays. */
typedef struct {
    size_t items, inputs, outputs;
} extent;

static bnn_status measure(const bnn_step *steps, size_t count, const bnn_team *team, extent *sizes)
{
    for (size_t i = 0; i < count; i++) {
        bnn_status status = check_step(&steps[i], i, team);
        if (status != BNN_OK)
            return status;
        sizes->items += (size_t)steps[i].kernel->phases;
        sizes->inputs += steps[i].input_count;
        sizes->outputs += steps[i].output_count;
    }
    return BNN_OK;
}

static void fill(bnn_program *program, const bnn_step *steps)
{
    item *at = program->items;
    const void **inputs = program->inputs;
    void **outputs = program->outputs;
    for (size_t i = 0; i < program->step_count; i++) {
        const bnn_step *step = &steps[i];
        for (size_t k = 0; k < step->input_count; k++)
            inputs[k] = step->inputs[k];
        for (size_t k = 0; k < step->output_count; k++)
            outputs[k] = step->outputs[k];
        for (int phase = 0; phase < step->kernel->phases; phase++, at++) {
            at->kernel = step->kernel;
            at->step = i;
            at->input_count = step->input_count;
            at->output_count = step->output_count;
            at->call.inputs = inputs;
            at->call.outputs = outputs;
            at->call.workspace = program->workspace;
            at->call.threads = step->kernel->threads;
            at->call.phase = phase;
        }
        inputs += step->input_count;
        outputs += step->output_count;
    }
    /* Neighbours that run on member 0 alone follow each other without meeting the others. */
    for (size_t i = 0; i + 1 < program->item_count; i++)
        program->items[i].barrier =
            program->items[i].call.threads > 1 || program->items[i + 1].call.threads > 1;
    program->items[program->item_count - 1].barrier = program->members > 1;
}

bnn_status bnn_program_create(const bnn_step *steps, size_t count, bnn_team *team,
                              bnn_program **result)
{
    if (steps == NULL || count == 0 || team == NULL || result == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "a program needs a team and at least one step");
    extent sizes = {0, 0, 0};
    bnn_status status = measure(steps, count, team, &sizes);
    if (status != BNN_OK)
        return status;
    bnn_program *program = bnn_allocate(sizeof *program);
    if (program == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a program");
    program->team = team;
    program->item_count = sizes.items;
    program->step_count = count;
    program->members = 1;
    for (size_t i = 0; i < count; i++) {
        const bnn_kernel *kernel = steps[i].kernel;
        if (kernel->workspace_bytes > program->workspace_bytes)
            program->workspace_bytes = kernel->workspace_bytes;
        if (kernel->threads > program->members)
            program->members = kernel->threads;
    }
    program->items = bnn_allocate(sizes.items * sizeof *program->items);
    program->inputs = bnn_allocate(sizes.inputs * sizeof *program->inputs);
    program->outputs = bnn_allocate(sizes.outputs * sizeof *program->outputs);
    program->workspace = bnn_allocate(program->workspace_bytes);
    if (program->items == NULL || program->inputs == NULL || program->outputs == NULL ||
        program->workspace == NULL) {
        bnn_program_destroy(program);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a program of %zu steps", count);
    }
    fill(program, steps);
    *result = program;
    return BNN_OK;
}

void **bnn_program_pointer(bnn_program *program, size_t step, size_t index, bool output)
{
    for (size_t i = 0; program != NULL && i < program->item_count; i++) {
        const item *at = &program->items[i];
        if (at->step != step)
            continue;
        if (output)
            return index < at->output_count ? (void **)&at->call.outputs[index] : NULL;
        return index < at->input_count ? (void **)&at->call.inputs[index] : NULL;
    }
    return NULL;
}

size_t bnn_program_workspace_bytes(const bnn_program *program)
{
    return program == NULL ? 0 : program->workspace_bytes;
}

void bnn_program_destroy(bnn_program *program)
{
    if (program == NULL)
        return;
    free(program->items);
    free(program->inputs);
    free(program->outputs);
    free(program->workspace);
    free(program);
}

void bnn_kernel_destroy(bnn_kernel *kernel)
{
    if (kernel != NULL && kernel->destroy != NULL)
        kernel->destroy(kernel);
}
