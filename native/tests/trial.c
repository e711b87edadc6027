#define _GNU_SOURCE
#include "trial.h"

#include "check.h"

#include <string.h>
#include <unistd.h>

static uint64_t mix(uint64_t state, uint64_t value)
{
    state = (state ^ value) * 0x9e3779b97f4a7c15u;
    return state ^ state >> 29;
}

void trial_pause(uint64_t *random, uint32_t most)
{
    *random = mix(*random + 1, 7);
    const uint32_t time = most == 0 ? 0 : (uint32_t)(*random >> 40) % (most + 1);
    if (time > most / 2)
        usleep(time);
}

static bnn_status run_stage(void *context)
{
    trial_stage *self = context;
    const uint64_t number = *(uint64_t *)self->number;
    uint64_t value = mix(self->index + 1, number);
    if (number < self->last) { /* not in order, or twice */
        printf("stage %u of stream %u runs frame %llu after %llu\n", self->index, self->stream,
               (unsigned long long)number, (unsigned long long)self->last - 1);
        failures++;
    }
    self->last = number + 1;
    trial_pause(&self->random, self->trial->pause);
    if (number >= self->trial->failing_number && self->index == self->trial->failing_stage)
        return BNN_UNSUPPORTED;
    for (uint32_t i = 0; i < self->index; i++)
        if (self->reads[i])
            value = mix(value, *(uint64_t *)self->inputs[i]);
    if (self->ring_count != 0)
        *(uint64_t *)self->made = value;
    *(uint64_t *)self->result = value;
    if (self->index == 0)
        atomic_store(&self->trial->streams[number % self->trial->window], self->stream);
    return BNN_OK;
}

static void *run_foreign(void *argument)
{
    trial_stage *self = argument;
    bnn_pipeline *pipeline = self->trial->pipeline;
    uint64_t turn, number, next = 0;
    while (bnn_pipeline_begin(pipeline, self->stream, self->index, &turn, &number) == BNN_OK) {
        const bool failed = turn != next++ || number != *(uint64_t *)self->number ||
                            run_stage(self) != BNN_OK;
        CHECK(bnn_pipeline_end(pipeline, self->stream, self->index, failed) == BNN_OK);
        if (failed)
            break;
    }
    return NULL;
}

static uint64_t value_of(const trial *self, uint32_t stream, uint32_t index, uint64_t number)
{
    const trial_stage *at = &self->stages[stream][index];
    uint64_t value = mix(index + 1, number);
    for (uint32_t i = 0; i < index; i++)
        if (at->reads[i])
            value = mix(value, value_of(self, stream, i, number));
    return value;
}

bool trial_holds(const trial *self, uint64_t number)
{
    const uint32_t slot = (uint32_t)(number % self->window);
    const uint32_t stream = atomic_load(&self->streams[slot]);
    for (uint32_t i = 0; i < self->stage_count; i++)
        if (self->stages[stream][i].results[slot] != value_of(self, stream, i, number))
            return false;
    return true;
}

/* The kept turns of a stage are its last ones, one after the other. */
static bool stage_keeps(const trial *self, uint32_t stream, uint32_t index, bool at_rest)
{
    bnn_turn turns[MOST_TRIAL_KEPT];
    bnn_stage_use before, after;
    uint32_t count = 0;
    bool right = bnn_pipeline_use(self->pipeline, stream, index, &before) == BNN_OK &&
                 bnn_pipeline_turns(self->pipeline, stream, index, turns, &count) == BNN_OK &&
                 bnn_pipeline_use(self->pipeline, stream, index, &after) == BNN_OK;
    right = right && count <= self->kept;
    for (uint32_t i = 0; right && i < count; i++) {
        right = turns[i].begin_ns <= turns[i].end_ns && turns[i].turn < after.turns;
        if (i > 0)
            right = right && turns[i].turn == turns[i - 1].turn + 1 &&
                    turns[i].number > turns[i - 1].number &&
                    turns[i].begin_ns >= turns[i - 1].end_ns;
    }
    if (!at_rest)
        return right;
    const uint64_t all = after.turns < self->kept ? after.turns : self->kept;
    return right && count == all && (count == 0 || turns[count - 1].turn == after.turns - 1);
}

bool trial_keeps(const trial *self, bool at_rest)
{
    for (uint32_t s = 0; s < self->stream_count; s++)
        for (uint32_t i = 0; i < self->stage_count; i++)
            if (!stage_keeps(self, s, i, at_rest))
                return false;
    return true;
}

/* The arrays of one stage; they are copied. */
typedef struct {
    bnn_work work;
    bnn_binding bindings[MOST_TRIAL_STAGES + 3];
    bnn_wait waits[2 * MOST_TRIAL_STAGES];
} arrays;

static bnn_binding bind(void **pointer, uint64_t *base, uint32_t count, bool window)
{
    return (bnn_binding){pointer, (char *)base, sizeof *base, count, window};
}

static bnn_stage describe(trial_stage *self, arrays *on)
{
    trial *of = self->trial;
    bnn_stage made = {.work = self->foreign ? NULL : &on->work,
                      .work_count = self->foreign ? 0 : 1,
                      .bindings = on->bindings,
                      .waits = on->waits,
                      .spins = random_int(0, 1) == 1};
    on->work = (bnn_work){run_stage, self};
    on->bindings[made.binding_count++] = bind(&self->number, of->numbers, of->window, true);
    on->bindings[made.binding_count++] = bind(&self->result, self->results, of->window, true);
    if (self->ring_count != 0)
        on->bindings[made.binding_count++] =
            bind(&self->made, self->ring, self->ring_count, false);
    for (uint32_t i = 0; i < of->stage_count; i++) {
        trial_stage *other = &of->stages[self->stream][i];
        if (i < self->index && self->reads[i]) {
            on->bindings[made.binding_count++] =
                bind(&self->inputs[i], other->ring, other->ring_count, false);
            on->waits[made.wait_count++] = (bnn_wait){i, 0};
        } else if (i > self->index && other->reads[self->index]) {
            on->waits[made.wait_count++] = (bnn_wait){i, self->ring_count};
        }
    }
    return made;
}

static void draw(trial *self, bool foreign)
{
    for (uint32_t s = 0; s < self->stream_count; s++)
        for (uint32_t i = 0; i < self->stage_count; i++) {
            trial_stage *at = &self->stages[s][i];
            at->trial = self;
            at->stream = s;
            at->index = i;
            at->random = random_word();
            at->foreign = foreign && random_int(0, 2) == 0;
            for (uint32_t k = 0; k < i; k++)
                if ((at->reads[k] = random_int(0, 2) != 0) &&
                    self->stages[s][k].ring_count == 0)
                    self->stages[s][k].ring_count = (uint32_t)random_int(1, MOST_TRIAL_RING);
        }
}

void trial_start(trial *self, uint32_t window, bool foreign)
{
    arrays on[MOST_TRIAL_STREAMS][MOST_TRIAL_STAGES];
    bnn_stage stages[MOST_TRIAL_STREAMS][MOST_TRIAL_STAGES];
    bnn_stream streams[MOST_TRIAL_STREAMS];
    memset(self, 0, sizeof *self);
    self->window = window;
    self->stream_count = (uint32_t)random_int(1, MOST_TRIAL_STREAMS);
    self->stage_count = (uint32_t)random_int(1, MOST_TRIAL_STAGES);
    self->failing_number = UINT64_MAX;
    self->pause = random_int(0, 1) == 0 ? 0 : (uint32_t)random_int(1, 200);
    draw(self, foreign);
    for (uint32_t s = 0; s < self->stream_count; s++) {
        for (uint32_t i = 0; i < self->stage_count; i++)
            stages[s][i] = describe(&self->stages[s][i], &on[s][i]);
        streams[s] = (bnn_stream){stages[s], self->stage_count};
    }
    CHECK(bnn_pipeline_create(streams, self->stream_count, window, &self->pipeline) == BNN_OK);
    self->kept = (uint32_t)random_int(0, MOST_TRIAL_KEPT);
    if (self->kept != 0)
        CHECK(bnn_pipeline_record(self->pipeline, self->kept) == BNN_OK);
    CHECK(bnn_pipeline_start(self->pipeline) == BNN_OK);
    for (uint32_t s = 0; s < self->stream_count; s++)
        for (uint32_t i = 0; i < self->stage_count; i++)
            if (self->stages[s][i].foreign)
                pthread_create(&self->stages[s][i].thread, NULL, run_foreign,
                               &self->stages[s][i]);
}

void trial_end(trial *self)
{
    bnn_pipeline_stop(self->pipeline);
    for (uint32_t s = 0; s < self->stream_count; s++)
        for (uint32_t i = 0; i < self->stage_count; i++)
            if (self->stages[s][i].foreign)
                pthread_join(self->stages[s][i].thread, NULL);
    bnn_pipeline_destroy(self->pipeline);
}
