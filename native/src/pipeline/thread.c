/* The threads of stages that have work. */
#define _GNU_SOURCE
#include "core/cores.h"
#include "core/error.h"
#include "pipeline/state.h"

#include <signal.h>
#include <stdio.h>

/* A core of the stage that its thread may not use any more; else -1. */
static int lost_core(const stage *self)
{
    if (self->spec.core_count == 0)
        return -1;
    if (self->spec.core_count == 1) /* without asking the system: that would take longer */
        return sched_getcpu() == self->spec.cores[0] ? -1 : self->spec.cores[0];
    cpu_set_t now;
    if (sched_getaffinity(0, sizeof now, &now) != 0)
        return -1;
    for (size_t i = 0; i < self->spec.core_count; i++)
        if (!CPU_ISSET(self->spec.cores[i], &now))
            return self->spec.cores[i];
    return -1;
}

static bnn_status run_turn(const stage *self)
{
    const int lost = lost_core(self);
    if (lost >= 0)
        return bnn_fail(BNN_UNSUPPORTED, "core %d has been taken away from the pipeline", lost);
    bnn_status status = BNN_OK;
    for (size_t i = 0; status == BNN_OK && i < self->spec.work_count; i++)
        status = self->spec.work[i].run(self->spec.work[i].context);
    return status;
}

static void *run_stage(void *argument)
{
    stage *self = argument;
    while (bnn_turn_begin(self) == BNN_OK) {
        bnn_forget_error();
        if (run_turn(self) != BNN_OK) {
            bnn_turn_fail(self, bnn_last_error());
            break;
        }
        bnn_turn_end(self);
    }
    return NULL;
}

/* Signals are for the threads of the caller, but for those that say where a thread has crashed. */
static void block_signals(sigset_t *former)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigdelset(&blocked, crashes[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, former);
}

static bnn_status start_thread(stage *self)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a thread");
    if (self->spec.core_count > 0)
        pthread_attr_setaffinity_np(&attributes, sizeof self->cores, &self->cores);
    const int failure = pthread_create(&self->thread, &attributes, run_stage, self);
    pthread_attr_destroy(&attributes);
    if (failure != 0)
        return bnn_fail(BNN_NO_MEMORY, "the thread of stage %u of stream %u cannot be started",
                        self->index, self->stream->index);
    self->started = true;
    char name[16];
    snprintf(name, sizeof name, "bnn %u.%u", self->stream->index % 1000u, self->index % 1000u);
    pthread_setname_np(self->thread, name);
    return BNN_OK;
}

static bnn_status start_stream(stream *self)
{
    bnn_status status = BNN_OK;
    for (size_t i = 0; status == BNN_OK && i < self->stage_count; i++) {
        stage *at = &self->stages[i];
        if (at->spec.work == NULL)
            continue;
        status = bnn_read_cores(at->spec.cores, at->spec.core_count, "stage", &at->cores);
        if (status == BNN_OK)
            status = start_thread(at);
    }
    return status;
}

bnn_status bnn_pipeline_start(bnn_pipeline *pipeline)
{
    bnn_status status = bnn_pipeline_check(pipeline);
    if (status != BNN_OK)
        return status;
    if (pipeline->started)
        return bnn_fail(BNN_BAD_ARGUMENT, "the pipeline has been started already");
    pipeline->started = true;
    sigset_t former;
    block_signals(&former);
    for (uint32_t i = 0; status == BNN_OK && i < pipeline->stream_count; i++)
        status = start_stream(&pipeline->streams[i]);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (status != BNN_OK)
        bnn_pipeline_stop(pipeline);
    return status;
}

void bnn_pipeline_join(bnn_pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->stream_count; i++)
        for (size_t j = 0; j < pipeline->streams[i].stage_count; j++) {
            stage *at = &pipeline->streams[i].stages[j];
            if (at->started)
                pthread_join(at->thread, NULL);
            at->started = false;
        }
}
