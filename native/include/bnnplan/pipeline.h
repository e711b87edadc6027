/* A pipeline: streams of stages that compute frame after frame, each stage on a thread of its own.
 *
 * Every stream computes the same thing. Whenever the first stage of a stream is free it takes the
 * next frame, so that streams take frames by their speed. A frame has a number, counted in the
 * whole pipeline, and a turn, counted in its stream; both begin at 0.
 *
 * What enters and leaves the pipeline lies in windows of `window` slots: frame number n in slot
 * n % window. The caller fills slots and puts their frames; it takes results in the order of the
 * numbers, and releases their slots. What passes between stages lies in rings of the stream: turn t
 * in slot t % count. Nothing is copied, and no lock is taken: stages wait for each other's counts
 * of ended turns (as in the Disruptor of Thompson, Farley, Barker, Gee and Stewart, 2011), first
 * spinning, then asleep.
 */
#ifndef BNNPLAN_PIPELINE_H
#define BNNPLAN_PIPELINE_H

#include <bnnplan/kernel.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bnn_pipeline bnn_pipeline;

/* Something that a stage runs, such as bnn_program_call; not BNN_OK: it has failed. */
typedef bnn_status (*bnn_task)(void *context);

typedef struct {
    bnn_task run;
    void *context;
} bnn_work;

/* A pointer that a stage sets anew before every turn: to slot (turn or number) % count. */
typedef struct {
    void **pointer;
    char *base;
    size_t stride;
    uint32_t count;
    bool window; /* whether slots are counted by the frame's number instead of its turn */
} bnn_binding;

/* Before turn t of a stage, `stage` of the same stream must have ended turn t - lag. */
typedef struct {
    uint32_t stage;
    uint32_t lag;
} bnn_wait;

typedef struct {
    const bnn_work *work; /* in order; NULL if threads of the caller run the stage */
    size_t work_count;
    const bnn_binding *bindings;
    size_t binding_count;
    const bnn_wait *waits;
    size_t wait_count;
    const int *cores; /* that its thread is kept on; none: anywhere */
    size_t core_count;
    bool spins; /* whether its thread may spin while it waits: not where stages share a core */
} bnn_stage;

typedef struct {
    const bnn_stage *stages;
    size_t stage_count;
} bnn_stream;

/* What a stage has done since the start. */
typedef struct {
    uint64_t turns;
    uint64_t busy_ns;
} bnn_stage_use;

/* A turn of a stage that has ended: nanoseconds of CLOCK_MONOTONIC. */
typedef struct {
    uint64_t turn;
    uint64_t number; /* of the frame */
    uint64_t begin_ns;
    uint64_t end_ns;
} bnn_turn;

/* Make a pipeline; all arrays are copied, what they point to must outlive it. The first stage of a
 * stream begins every frame of it, and waits for no other with lag 0; nor may stages wait for each
 * other with lag 0. A stage that waits for none in its turn begins it with the first stage.
 * `window` is at least 1. */
bnn_status bnn_pipeline_create(const bnn_stream *streams, size_t stream_count, uint32_t window,
                               bnn_pipeline **pipeline);

/* Keep the last `count` turns of every stage, for bnn_pipeline_turns: before the pipeline is started,
 * and once. */
bnn_status bnn_pipeline_record(bnn_pipeline *pipeline, uint32_t count);

/* Start the threads of all stages that have work; once. Fails if the calling thread may not use a
 * core of theirs; then the pipeline is stopped. A stage that loses a core later on fails. */
bnn_status bnn_pipeline_start(bnn_pipeline *pipeline);

/* One thread at a time puts frames: it calls the next two. One takes them: it calls the three after
 * them. It may be the same. */

/* Wait until at least `least` slots are free, or the timeout is over; tells how many are.
 * BNN_STOPPED once the pipeline has failed or was stopped. A timeout of UINT64_MAX is never over. */
bnn_status bnn_pipeline_room(bnn_pipeline *pipeline, uint32_t least, uint64_t timeout_ns,
                             uint32_t *count);

/* The next `count` frames are in their slots. */
bnn_status bnn_pipeline_put(bnn_pipeline *pipeline, uint32_t count);

/* Wait until at least `least` of the next frames in order are computed, counted from the first one
 * that is not released, or the timeout is over; tells how many are. If so many will never be, it
 * fails, and tells how many are all the same: after a failure with BNN_FAILED and the message of the
 * failure, all frames before the failed one being computed; after a stop with BNN_STOPPED. */
bnn_status bnn_pipeline_take(bnn_pipeline *pipeline, uint32_t least, uint64_t timeout_ns,
                             uint32_t *count);

/* When the stream's first stage began the frame of a number, and when all its stages had ended it:
 * nanoseconds of CLOCK_MONOTONIC. The frame is computed, and not released. */
bnn_status bnn_pipeline_span(const bnn_pipeline *pipeline, uint64_t number, uint64_t *begin,
                             uint64_t *end);

/* The slots of the next `count` computed frames are free again. */
bnn_status bnn_pipeline_release(bnn_pipeline *pipeline, uint32_t count);

/* A thread of the caller that runs a stage: wait for its next turn, and set its pointers.
 * BNN_STOPPED: there is none. One thread at a time runs a stage; on which cores is its affair. */
bnn_status bnn_pipeline_begin(bnn_pipeline *pipeline, uint32_t stream, uint32_t stage,
                              uint64_t *turn, uint64_t *number);

/* It has run the turn; `failed`: in vain. */
bnn_status bnn_pipeline_end(bnn_pipeline *pipeline, uint32_t stream, uint32_t stage, bool failed);

/* Where it failed, at the first frame of all that failed: BNN_OK if it did, else
 * BNN_BAD_ARGUMENT. */
bnn_status bnn_pipeline_failure(const bnn_pipeline *pipeline, uint32_t *stream, uint32_t *stage,
                                uint64_t *number);

bnn_status bnn_pipeline_use(const bnn_pipeline *pipeline, uint32_t stream, uint32_t stage,
                            bnn_stage_use *use);

/* The last turns that a stage has ended, in order: up to as many as are kept, which is what there must
 * be room for. Tells how many. Any thread may call it, also while the stage goes on. */
bnn_status bnn_pipeline_turns(const bnn_pipeline *pipeline, uint32_t stream, uint32_t stage,
                              bnn_turn *turns, uint32_t *count);

/* No more turns are begun; what waits returns. Any thread may call it. */
void bnn_pipeline_stop(bnn_pipeline *pipeline);

/* Stop, and wait for the threads of all stages. NULL is allowed. No thread of the caller may be in
 * the pipeline any more. */
void bnn_pipeline_destroy(bnn_pipeline *pipeline);

#ifdef __cplusplus
}
#endif

#endif
