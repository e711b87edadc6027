/* Failures and stops: nobody waits for what will not come. */
#define _GNU_SOURCE
#include "core/error.h"
#include "core/fork.h"
#include "pipeline/state.h"

#include <stdio.h>

void bnn_pipeline_alarm(bnn_pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->stream_count; i++)
        for (size_t j = 0; j < pipeline->streams[i].stage_count; j++)
            bnn_bell_alarm(&pipeline->streams[i].stages[j].bell);
    bnn_bell_alarm(&pipeline->putter);
    bnn_bell_alarm(&pipeline->taker);
}

void bnn_pipeline_fail(const stage *self, const char *message)
{
    bnn_pipeline *pipeline = self->stream->pipeline;
    pthread_mutex_lock(&pipeline->failing);
    /* Several stages may fail at the same time: the first frame counts. */
    if (self->number < atomic_load(&pipeline->limit)) {
        pipeline->failed_stream = self->stream->index;
        pipeline->failed_stage = self->index;
        if (message[0] != 0)
            snprintf(pipeline->message, sizeof pipeline->message, "%s", message);
        else
            snprintf(pipeline->message, sizeof pipeline->message,
                     "stage %u of stream %u failed at frame %llu", self->index,
                     self->stream->index, (unsigned long long)self->number);
        atomic_store(&pipeline->limit, self->number);
    }
    pthread_mutex_unlock(&pipeline->failing);
    bnn_pipeline_alarm(pipeline);
}

bnn_status bnn_pipeline_check(const bnn_pipeline *pipeline)
{
    if (pipeline == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no pipeline");
    if (pipeline->forks != bnn_forks())
        return bnn_fail(BNN_UNSUPPORTED,
                        "a pipeline made before fork() cannot run in the child process");
    return BNN_OK;
}

bnn_status bnn_pipeline_failure(const bnn_pipeline *pipeline, uint32_t *stream_index,
                                uint32_t *stage_index, uint64_t *number)
{
    if (pipeline == NULL || stream_index == NULL || stage_index == NULL || number == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no pipeline, or nowhere to tell its failure");
    pthread_mutex_lock((pthread_mutex_t *)&pipeline->failing);
    *number = atomic_load(&pipeline->limit);
    *stream_index = pipeline->failed_stream;
    *stage_index = pipeline->failed_stage;
    pthread_mutex_unlock((pthread_mutex_t *)&pipeline->failing);
    if (*number == UINT64_MAX)
        return bnn_fail(BNN_BAD_ARGUMENT, "the pipeline has not failed");
    return BNN_OK;
}

void bnn_pipeline_stop(bnn_pipeline *pipeline)
{
    if (pipeline == NULL || pipeline->forks != bnn_forks())
        return;
    atomic_store(&pipeline->stopped, true);
    bnn_pipeline_alarm(pipeline);
}
