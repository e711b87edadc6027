/* The window of frames: which are put, claimed by streams, computed, and released. */
#define _GNU_SOURCE
#include "core/clock.h"
#include "core/error.h"
#include "pipeline/state.h"

bool bnn_frame_claim(bnn_pipeline *pipeline, uint64_t *number)
{
    uint64_t next = atomic_load(&pipeline->claimed);
    do {
        if (next >= atomic_load(&pipeline->put))
            return false;
    } while (!atomic_compare_exchange_weak(&pipeline->claimed, &next, next + 1));
    *number = next;
    return true;
}

static slot *slot_of(const bnn_pipeline *pipeline, uint64_t number)
{
    return &pipeline->slots[number % pipeline->window];
}

/* Count the frames that are computed, in order. Whoever computes a frame helps: of two who do so
 * at the same time, the later one sees what the other has computed. */
static void count_computed(bnn_pipeline *pipeline)
{
    uint64_t next = atomic_load(&pipeline->computed);
    while (atomic_load(&slot_of(pipeline, next)->computed) == next + 1)
        if (atomic_compare_exchange_strong(&pipeline->computed, &next, next + 1))
            next++;
    if (next >= atomic_load(&pipeline->taker.wanted) || next >= atomic_load(&pipeline->limit))
        bnn_bell_ring(&pipeline->taker);
}

void bnn_frame_end_stage(bnn_pipeline *pipeline, uint64_t number, uint64_t now)
{
    slot *at = slot_of(pipeline, number);
    if (atomic_fetch_sub(&at->left, 1) != 1)
        return;
    at->end_ns = now;
    atomic_store(&at->computed, number + 1);
    count_computed(pipeline);
}

/* Wake streams that wait for frames: no more of them than there are frames. */
static void offer(bnn_pipeline *pipeline, uint32_t count)
{
    for (uint32_t i = 0; i < pipeline->stream_count && count > 0; i++) {
        bnn_bell *bell = &pipeline->streams[i].stages[0].bell;
        if (atomic_load(&bell->asleep) == BNN_FOR_FRAMES && bnn_bell_ring(bell))
            count--;
    }
}

static uint64_t deadline_of(uint64_t timeout_ns)
{
    const uint64_t now = bnn_clock();
    return timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
}

static bool halted(const bnn_pipeline *pipeline)
{
    return atomic_load(&pipeline->stopped) || atomic_load(&pipeline->limit) != UINT64_MAX;
}

static bnn_finding look_for_room(void *context)
{
    const bnn_pipeline *pipeline = context;
    if (halted(pipeline))
        return BNN_OVER;
    return atomic_load(&pipeline->released) >= atomic_load(&pipeline->putter.wanted)
               ? BNN_AWAKE
               : BNN_FOR_FRAMES;
}

bnn_status bnn_pipeline_room(bnn_pipeline *pipeline, uint32_t least, uint64_t timeout_ns,
                             uint32_t *count)
{
    const bnn_status status = bnn_pipeline_check(pipeline);
    if (status != BNN_OK)
        return status;
    if (count == NULL || least > pipeline->window)
        return bnn_fail(BNN_BAD_ARGUMENT, "a window of %u slots never has %u free",
                        pipeline->window, least);
    const uint64_t ahead = atomic_load(&pipeline->put) + least;
    atomic_store(&pipeline->putter.wanted,
                 ahead > pipeline->window ? ahead - pipeline->window : 0);
    if (bnn_bell_wait(&pipeline->putter, look_for_room, pipeline, false,
                      deadline_of(timeout_ns)) == BNN_OVER)
        return bnn_fail(BNN_STOPPED, "the pipeline takes no more frames: it %s",
                        atomic_load(&pipeline->limit) != UINT64_MAX ? "has failed"
                                                                     : "was stopped");
    *count = pipeline->window -
             (uint32_t)(atomic_load(&pipeline->put) - atomic_load(&pipeline->released));
    return BNN_OK;
}

bnn_status bnn_pipeline_put(bnn_pipeline *pipeline, uint32_t count)
{
    const bnn_status status = bnn_pipeline_check(pipeline);
    if (status != BNN_OK)
        return status;
    const uint64_t put = atomic_load(&pipeline->put);
    const uint64_t used = put - atomic_load(&pipeline->released);
    if (count > pipeline->window - used)
        return bnn_fail(BNN_BAD_ARGUMENT, "%u frames do not fit into %u free slots", count,
                        pipeline->window - (uint32_t)used);
    atomic_store(&pipeline->put, put + count);
    offer(pipeline, count);
    return BNN_OK;
}

static bnn_finding look_for_results(void *context)
{
    const bnn_pipeline *pipeline = context;
    /* In this order: nothing is computed any more once `computed` has reached the limit. */
    const uint64_t limit = atomic_load(&pipeline->limit);
    const uint64_t computed = atomic_load(&pipeline->computed);
    if (computed >= atomic_load(&pipeline->taker.wanted))
        return BNN_AWAKE;
    return computed >= limit || atomic_load(&pipeline->stopped) ? BNN_OVER : BNN_FOR_FRAMES;
}

static bnn_status tell_failure(bnn_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->failing);
    const bnn_status status = bnn_fail(BNN_FAILED, "%s", pipeline->message);
    pthread_mutex_unlock(&pipeline->failing);
    return status;
}

bnn_status bnn_pipeline_take(bnn_pipeline *pipeline, uint32_t least, uint64_t timeout_ns,
                             uint32_t *count)
{
    const bnn_status status = bnn_pipeline_check(pipeline);
    if (status != BNN_OK)
        return status;
    if (count == NULL || least > pipeline->window)
        return bnn_fail(BNN_BAD_ARGUMENT, "a window of %u slots never holds %u frames",
                        pipeline->window, least);
    const uint64_t released = atomic_load(&pipeline->released);
    atomic_store(&pipeline->taker.wanted, released + least);
    const bnn_finding found = bnn_bell_wait(&pipeline->taker, look_for_results, pipeline, false,
                                            deadline_of(timeout_ns));
    *count = (uint32_t)(atomic_load(&pipeline->computed) - released);
    if (found != BNN_OVER)
        return BNN_OK;
    if (atomic_load(&pipeline->computed) >= atomic_load(&pipeline->limit))
        return tell_failure(pipeline);
    return bnn_fail(BNN_STOPPED, "the pipeline was stopped");
}

bnn_status bnn_pipeline_release(bnn_pipeline *pipeline, uint32_t count)
{
    const bnn_status status = bnn_pipeline_check(pipeline);
    if (status != BNN_OK)
        return status;
    const uint64_t released = atomic_load(&pipeline->released);
    if (count > atomic_load(&pipeline->computed) - released)
        return bnn_fail(BNN_BAD_ARGUMENT, "only computed frames can be released, not %u", count);
    atomic_store(&pipeline->released, released + count);
    if (released + count >= atomic_load(&pipeline->putter.wanted))
        bnn_bell_ring(&pipeline->putter);
    return BNN_OK;
}

bnn_status bnn_pipeline_span(const bnn_pipeline *pipeline, uint64_t number, uint64_t *begin,
                             uint64_t *end)
{
    if (pipeline == NULL || begin == NULL || end == NULL ||
        number < atomic_load(&pipeline->released) || number >= atomic_load(&pipeline->computed))
        return bnn_fail(BNN_BAD_ARGUMENT, "frame %llu is not among the computed ones",
                        (unsigned long long)number);
    const slot *at = slot_of(pipeline, number);
    *begin = at->begin_ns;
    *end = at->end_ns;
    return BNN_OK;
}
