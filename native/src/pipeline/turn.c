/* Turns of a stage: waiting for those of other stages, beginning, ending. */
#define _GNU_SOURCE
#include "pipeline/state.h"

#include "core/clock.h"
#include "core/error.h"

/* Whether the stages that it waits for have ended what they must have before turn `turn`. */
static bool may_begin(const stage *self, uint64_t turn)
{
    const stage *stages = self->stream->stages;
    for (size_t i = 0; i < self->spec.wait_count; i++) {
        const bnn_wait *wait = &self->spec.waits[i];
        if (turn >= wait->lag && atomic_load(&stages[wait->stage].ended) <= turn - wait->lag)
            return false;
    }
    return !self->source || atomic_load(&self->stream->begun) > turn;
}

/* Whether a stage that is not the first has no turn `turn`, or one that nobody wants any more. */
static bool is_over(const stage *self, uint64_t turn)
{
    const stream *on = self->stream;
    const bnn_pipeline *pipeline = on->pipeline;
    if (atomic_load(&pipeline->stopped))
        return true;
    const uint64_t limit = atomic_load(&pipeline->limit);
    if (limit == UINT64_MAX)
        return false;
    const bool closed = atomic_load(&on->closed); /* after it, `begun` does not change */
    if (turn >= atomic_load(&on->begun))
        return closed;
    return on->numbers[turn % pipeline->window] >= limit;
}

static bnn_finding look_for_turn(void *context)
{
    const stage *self = context;
    const uint64_t turn = atomic_load_explicit(&self->ended, memory_order_relaxed);
    if (is_over(self, turn))
        return BNN_OVER;
    return may_begin(self, turn) ? BNN_AWAKE : BNN_FOR_TURNS;
}

/* Of a first stage: it takes a frame when it could compute it at once. */
static bnn_finding look_for_frame(void *context)
{
    stage *self = context;
    bnn_pipeline *pipeline = self->stream->pipeline;
    if (atomic_load(&pipeline->stopped) || atomic_load(&pipeline->limit) != UINT64_MAX)
        return BNN_OVER;
    if (!may_begin(self, atomic_load_explicit(&self->ended, memory_order_relaxed)))
        return BNN_FOR_TURNS;
    return bnn_frame_claim(pipeline, &self->number) ? BNN_AWAKE : BNN_FOR_FRAMES;
}

/* Nobody shall wait for the turns that the first stage does not begin. */
static void close_stream(stream *self)
{
    atomic_store(&self->closed, true);
    for (size_t i = 1; i < self->stage_count; i++)
        bnn_bell_alarm(&self->stages[i].bell);
}

static void publish_turn(stage *self, uint64_t turn)
{
    stream *on = self->stream;
    bnn_pipeline *pipeline = on->pipeline;
    slot *at = &pipeline->slots[self->number % pipeline->window];
    at->begin_ns = self->begun_ns;
    atomic_store_explicit(&at->left, (uint32_t)on->stage_count, memory_order_relaxed);
    on->numbers[turn % pipeline->window] = self->number;
    atomic_store(&on->begun, turn + 1);
    for (size_t i = 1; i < on->stage_count; i++)
        if (on->stages[i].source)
            bnn_bell_ring(&on->stages[i].bell);
}

static void bind(const stage *self, uint64_t turn)
{
    for (size_t i = 0; i < self->spec.binding_count; i++) {
        const bnn_binding *binding = &self->spec.bindings[i];
        const uint64_t count = binding->window ? self->number : turn;
        *binding->pointer = binding->base + (size_t)(count % binding->count) * binding->stride;
    }
}

bnn_status bnn_turn_begin(stage *self)
{
    stream *on = self->stream;
    const bool first = self->index == 0;
    if (bnn_bell_wait(&self->bell, first ? look_for_frame : look_for_turn, self,
                      self->spec.spins, UINT64_MAX) == BNN_OVER) {
        if (first)
            close_stream(on);
        return bnn_fail(BNN_STOPPED, "the pipeline has no more turns");
    }
    const uint64_t turn = atomic_load_explicit(&self->ended, memory_order_relaxed);
    self->begun_ns = bnn_clock();
    self->in_turn = true;
    if (first)
        publish_turn(self, turn);
    else
        self->number = on->numbers[turn % on->pipeline->window];
    bind(self, turn);
    return BNN_OK;
}

void bnn_turn_end(stage *self)
{
    const uint64_t now = bnn_clock();
    const uint64_t turn = atomic_load_explicit(&self->ended, memory_order_relaxed);
    const uint64_t busy = atomic_load_explicit(&self->busy_ns, memory_order_relaxed);
    self->in_turn = false;
    atomic_store_explicit(&self->busy_ns, busy + (now - self->begun_ns), memory_order_relaxed);
    if (self->records != NULL)
        bnn_turn_keep(self, turn, now);
    atomic_store(&self->ended, turn + 1);
    for (size_t i = 0; i < self->follower_count; i++)
        bnn_bell_ring(&self->followers[i]->bell);
    bnn_frame_end_stage(self->stream->pipeline, self->number, now);
}

void bnn_turn_fail(stage *self, const char *message)
{
    self->in_turn = false;
    bnn_pipeline_fail(self, message);
    if (self->index == 0)
        close_stream(self->stream);
}

static stage *foreign_stage(bnn_pipeline *pipeline, uint32_t stream_index, uint32_t stage_index)
{
    if (bnn_pipeline_check(pipeline) != BNN_OK)
        return NULL;
    if (stream_index >= pipeline->stream_count ||
        stage_index >= pipeline->streams[stream_index].stage_count) {
        bnn_fail(BNN_BAD_ARGUMENT, "there is no stage %u in a stream %u", stage_index,
                 stream_index);
        return NULL;
    }
    stage *found = &pipeline->streams[stream_index].stages[stage_index];
    if (found->spec.work != NULL) {
        bnn_fail(BNN_BAD_ARGUMENT, "stage %u of stream %u has a thread of its own", stage_index,
                 stream_index);
        return NULL;
    }
    return found;
}

bnn_status bnn_pipeline_begin(bnn_pipeline *pipeline, uint32_t stream_index, uint32_t stage_index,
                              uint64_t *turn, uint64_t *number)
{
    stage *self = foreign_stage(pipeline, stream_index, stage_index);
    if (self == NULL || turn == NULL || number == NULL)
        return BNN_BAD_ARGUMENT;
    if (self->in_turn)
        return bnn_fail(BNN_BAD_ARGUMENT, "stage %u of stream %u has not ended its turn",
                        stage_index, stream_index);
    const bnn_status status = bnn_turn_begin(self);
    if (status != BNN_OK)
        return status;
    *turn = atomic_load_explicit(&self->ended, memory_order_relaxed);
    *number = self->number;
    return BNN_OK;
}

bnn_status bnn_pipeline_end(bnn_pipeline *pipeline, uint32_t stream_index, uint32_t stage_index,
                            bool failed)
{
    stage *self = foreign_stage(pipeline, stream_index, stage_index);
    if (self == NULL)
        return BNN_BAD_ARGUMENT;
    if (!self->in_turn)
        return bnn_fail(BNN_BAD_ARGUMENT, "stage %u of stream %u has begun no turn", stage_index,
                        stream_index);
    if (failed)
        bnn_turn_fail(self, "");
    else
        bnn_turn_end(self);
    return BNN_OK;
}

bnn_status bnn_pipeline_use(const bnn_pipeline *pipeline, uint32_t stream_index,
                            uint32_t stage_index, bnn_stage_use *use)
{
    if (pipeline == NULL || use == NULL || stream_index >= pipeline->stream_count ||
        stage_index >= pipeline->streams[stream_index].stage_count)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no stage %u in a stream %u", stage_index,
                        stream_index);
    const stage *self = &pipeline->streams[stream_index].stages[stage_index];
    use->turns = atomic_load(&self->ended);
    use->busy_ns = atomic_load_explicit(&self->busy_ns, memory_order_relaxed);
    return BNN_OK;
}
