/* Making and freeing pipelines. */
#define _GNU_SOURCE
#include "core/error.h"
#include "core/fork.h"
#include "core/memory.h"
#include "pipeline/state.h"

enum { MOST_STREAMS = 1 << 10, MOST_STAGES = 1 << 10, MOST_SLOTS = 1 << 20 };

static bnn_status check_stage(const bnn_stream *on, uint32_t stream_index, uint32_t index)
{
    const bnn_stage *stage = &on->stages[index];
    for (size_t i = 0; i < stage->work_count; i++)
        if (stage->work == NULL || stage->work[i].run == NULL)
            return bnn_fail(BNN_BAD_ARGUMENT, "stage %u of stream %u lacks its work %zu", index,
                            stream_index, i);
    for (size_t i = 0; i < stage->binding_count; i++)
        if (stage->bindings == NULL || stage->bindings[i].pointer == NULL ||
            stage->bindings[i].count == 0)
            return bnn_fail(BNN_BAD_ARGUMENT, "binding %zu of stage %u of stream %u has no slots",
                            i, index, stream_index);
    for (size_t i = 0; i < stage->wait_count; i++) {
        if (stage->waits == NULL || stage->waits[i].stage >= on->stage_count)
            return bnn_fail(BNN_BAD_ARGUMENT,
                            "stage %u of stream %u waits for a stage that there is not", index,
                            stream_index);
        if (index == 0 && stage->waits[i].lag == 0)
            return bnn_fail(BNN_BAD_ARGUMENT,
                            "the first stage of stream %u waits for others in its turn",
                            stream_index);
    }
    if (stage->core_count != 0 && stage->cores == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "stage %u of stream %u lacks its cores", index,
                        stream_index);
    return BNN_OK;
}

/* Whether all stages that a stage waits for in the same turn are among those marked. */
static bool is_ready(const bnn_stage *stage, const bool *marked)
{
    for (size_t i = 0; i < stage->wait_count; i++)
        if (stage->waits[i].lag == 0 && !marked[stage->waits[i].stage])
            return false;
    return true;
}

/* Fails if stages wait for each other in the same turn: mark those that can end it, one round after
 * the other. */
static bnn_status check_order(const bnn_stream *on, uint32_t stream_index)
{
    bool marked[MOST_STAGES] = {false};
    size_t count = 0;
    for (size_t before = SIZE_MAX; count != before && count < on->stage_count;) {
        before = count;
        for (size_t i = 0; i < on->stage_count; i++)
            if (!marked[i] && is_ready(&on->stages[i], marked)) {
                marked[i] = true;
                count++;
            }
    }
    if (count < on->stage_count)
        return bnn_fail(BNN_BAD_ARGUMENT, "stages of stream %u wait for each other", stream_index);
    return BNN_OK;
}

static bnn_status check_streams(const bnn_stream *streams, size_t count)
{
    if (streams == NULL || count == 0 || count > MOST_STREAMS)
        return bnn_fail(BNN_BAD_ARGUMENT, "a pipeline has 1 to %d streams, not %zu", MOST_STREAMS,
                        count);
    bnn_status status = BNN_OK;
    for (uint32_t i = 0; status == BNN_OK && i < count; i++) {
        if (streams[i].stages == NULL || streams[i].stage_count == 0 ||
            streams[i].stage_count > MOST_STAGES)
            return bnn_fail(BNN_BAD_ARGUMENT, "stream %u must have 1 to %d stages, not %zu", i,
                            MOST_STAGES, streams[i].stage_count);
        for (uint32_t k = 0; status == BNN_OK && k < streams[i].stage_count; k++)
            status = check_stage(&streams[i], i, k);
        if (status == BNN_OK)
            status = check_order(&streams[i], i);
    }
    return status;
}

/* A copy of an array; sets *missing if there is no memory for it. */
static void *copy(const void *array, size_t count, size_t size, bool *missing)
{
    if (array == NULL)
        return NULL;
    void *made = bnn_allocate(count * size);
    if (made == NULL)
        *missing = true;
    else if (count != 0)
        memcpy(made, array, count * size);
    return made;
}

static bool waits_for(const stage *self, uint32_t index)
{
    for (size_t i = 0; i < self->spec.wait_count; i++)
        if (self->spec.waits[i].stage == index)
            return true;
    return false;
}

static void fill_stage(stage *self, stream *on, uint32_t index, const bnn_stage *spec,
                       bool *missing)
{
    self->stream = on;
    self->index = index;
    self->spec = *spec;
    self->spec.work = copy(spec->work, spec->work_count, sizeof *spec->work, missing);
    self->spec.bindings =
        copy(spec->bindings, spec->binding_count, sizeof *spec->bindings, missing);
    self->spec.waits = copy(spec->waits, spec->wait_count, sizeof *spec->waits, missing);
    self->spec.cores = copy(spec->cores, spec->core_count, sizeof *spec->cores, missing);
    self->followers = bnn_allocate(on->stage_count * sizeof *self->followers);
    *missing = *missing || self->followers == NULL;
    self->source = index != 0;
    for (size_t i = 0; i < spec->wait_count; i++)
        self->source = self->source && spec->waits[i].lag != 0;
}

static void fill_stream(stream *self, bnn_pipeline *pipeline, uint32_t index,
                        const bnn_stream *spec, bool *missing)
{
    self->pipeline = pipeline;
    self->index = index;
    self->numbers = bnn_allocate(pipeline->window * sizeof *self->numbers);
    self->stages = bnn_allocate(spec->stage_count * sizeof *self->stages);
    if (self->numbers == NULL || self->stages == NULL) {
        *missing = true;
        return;
    }
    self->stage_count = spec->stage_count;
    for (uint32_t i = 0; i < spec->stage_count; i++)
        fill_stage(&self->stages[i], self, i, &spec->stages[i], missing);
    for (uint32_t i = 0; !*missing && i < spec->stage_count; i++)
        for (uint32_t k = 0; k < spec->stage_count; k++)
            if (k != i && waits_for(&self->stages[k], i))
                self->stages[i].followers[self->stages[i].follower_count++] = &self->stages[k];
}

static void free_pipeline(bnn_pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->stream_count; i++) {
        stream *at = &pipeline->streams[i];
        for (size_t k = 0; k < at->stage_count; k++) {
            bnn_stage *spec = &at->stages[k].spec;
            free((void *)spec->work);
            free((void *)spec->bindings);
            free((void *)spec->waits);
            free((void *)spec->cores);
            free(at->stages[k].followers);
            free(at->stages[k].records);
        }
        free(at->stages);
        free(at->numbers);
    }
    pthread_mutex_destroy(&pipeline->failing);
    free(pipeline->streams);
    free(pipeline->slots);
    free(pipeline);
}

bnn_status bnn_pipeline_create(const bnn_stream *streams, size_t stream_count, uint32_t window,
                               bnn_pipeline **result)
{
    if (result == NULL || window < 1 || window > MOST_SLOTS)
        return bnn_fail(BNN_BAD_ARGUMENT, "a pipeline has a window of 1 to %d slots, not %u",
                        MOST_SLOTS, window);
    const bnn_status status = check_streams(streams, stream_count);
    if (status != BNN_OK)
        return status;
    bnn_pipeline *pipeline = bnn_allocate(sizeof *pipeline);
    if (pipeline == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a pipeline");
    pthread_mutex_init(&pipeline->failing, NULL);
    pipeline->forks = bnn_forks();
    pipeline->window = window;
    atomic_store(&pipeline->limit, UINT64_MAX);
    pipeline->slots = bnn_allocate(window * sizeof *pipeline->slots);
    pipeline->streams = bnn_allocate(stream_count * sizeof *pipeline->streams);
    bool missing = pipeline->slots == NULL || pipeline->streams == NULL;
    if (pipeline->streams != NULL)
        pipeline->stream_count = (uint32_t)stream_count;
    for (uint32_t i = 0; !missing && i < stream_count; i++)
        fill_stream(&pipeline->streams[i], pipeline, i, &streams[i], &missing);
    if (missing) {
        free_pipeline(pipeline);
        return bnn_fail(BNN_NO_MEMORY, "no memory for a pipeline");
    }
    *result = pipeline;
    return BNN_OK;
}

void bnn_pipeline_destroy(bnn_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    if (pipeline->forks == bnn_forks()) { /* the threads are in this process */
        bnn_pipeline_stop(pipeline);
        bnn_pipeline_join(pipeline);
    }
    free_pipeline(pipeline);
}
