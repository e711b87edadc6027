/* When stages began and ended their last turns, where somebody wants to know it.
 *
 * Each stage keeps one turn more than can be asked for: that is the one which its thread may be
 * writing. Who reads turns looks afterwards how many have ended by now, and leaves out those that
 * may have been overwritten meanwhile (as with the sequence locks of Boehm, "Can seqlocks get along
 * with programming language memory models?", 2012): the thread writes over a turn after it has
 * counted the one before, so who has read anything new sees that count too.
 */
#define _GNU_SOURCE
#include "core/error.h"
#include "core/memory.h"
#include "pipeline/state.h"

enum { MOST_KEPT = 1 << 20 };

bnn_status bnn_pipeline_record(bnn_pipeline *pipeline, uint32_t count)
{
    const bnn_status status = bnn_pipeline_check(pipeline);
    if (status != BNN_OK)
        return status;
    if (pipeline->started || pipeline->kept != 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "a pipeline is told once, before it is started, how many "
                                          "turns to keep");
    if (count < 1 || count > MOST_KEPT)
        return bnn_fail(BNN_BAD_ARGUMENT, "a pipeline keeps 1 to %d turns, not %u", MOST_KEPT,
                        count);
    pipeline->kept = count;
    for (uint32_t i = 0; i < pipeline->stream_count; i++)
        for (size_t k = 0; k < pipeline->streams[i].stage_count; k++) {
            stage *at = &pipeline->streams[i].stages[k];
            at->records = bnn_allocate((count + 1) * sizeof *at->records);
            if (at->records == NULL)
                return bnn_fail(BNN_NO_MEMORY, "no memory to keep %u turns of every stage", count);
        }
    return BNN_OK;
}

void bnn_turn_keep(stage *self, uint64_t turn, uint64_t now)
{
    record *at = &self->records[turn % (self->stream->pipeline->kept + 1)];
    atomic_store_explicit(&at->number, self->number, memory_order_release);
    atomic_store_explicit(&at->begin_ns, self->begun_ns, memory_order_release);
    atomic_store_explicit(&at->end_ns, now, memory_order_release);
}

bnn_status bnn_pipeline_turns(const bnn_pipeline *pipeline, uint32_t stream_index,
                              uint32_t stage_index, bnn_turn *turns, uint32_t *count)
{
    if (pipeline == NULL || turns == NULL || count == NULL ||
        stream_index >= pipeline->stream_count ||
        stage_index >= pipeline->streams[stream_index].stage_count)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no stage %u in a stream %u", stage_index,
                        stream_index);
    const stage *self = &pipeline->streams[stream_index].stages[stage_index];
    if (self->records == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "the pipeline keeps no turns");
    const uint64_t kept = pipeline->kept;
    const uint64_t ended = atomic_load(&self->ended);
    const uint64_t first = ended > kept ? ended - kept : 0;
    for (uint64_t turn = first; turn < ended; turn++) {
        const record *at = &self->records[turn % (kept + 1)];
        turns[turn - first] =
            (bnn_turn){turn, atomic_load_explicit(&at->number, memory_order_acquire),
                       atomic_load_explicit(&at->begin_ns, memory_order_acquire),
                       atomic_load_explicit(&at->end_ns, memory_order_acquire)};
    }
    const uint64_t now = atomic_load(&self->ended);
    const uint64_t still = now > kept ? now - kept : 0;
    const uint64_t from = still < ended ? still : ended;
    *count = (uint32_t)(ended - from);
    memmove(turns, turns + (from - first), *count * sizeof *turns);
    return BNN_OK;
}
