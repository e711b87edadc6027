#include "lookup/weights.h"

#include "core/memory.h"

enum { WORD_GROUPS = 16, GROUP_BITS = 4 };

/* Segments of all runs; as many of them in a chunk as it can count. */
static void cut(bnn_lookup_weights *weights, const size_t *run_offsets)
{
    bnn_lookup_segment *next = weights->segments;
    size_t used = 0;
    for (size_t run = 0; run < weights->runs; run++)
        for (size_t at = 0; at < weights->run_groups;) {
            const size_t left = weights->run_groups - at;
            const size_t groups = left < BNN_LOOKUP_CHUNK ? left : BNN_LOOKUP_CHUNK;
            if (used + groups > BNN_LOOKUP_CHUNK) {
                next[-1].ends_chunk = true;
                used = 0;
            }
            *next++ = (bnn_lookup_segment){run_offsets[run] + at, groups, false};
            used += groups;
            at += groups;
        }
    next[-1].ends_chunk = true;
    weights->segment_count = (size_t)(next - weights->segments);
}

bool bnn_lookup_weights_create(bnn_lookup_weights *weights, const size_t *run_offsets,
                               size_t blocks, size_t most)
{
    weights->run_groups = bnn_round_up(weights->run_taps * weights->tap_groups, BNN_LOOKUP_STEP);
    const size_t groups = weights->runs * weights->run_groups;
    const size_t run_segments = (weights->run_groups + BNN_LOOKUP_CHUNK - 1) / BNN_LOOKUP_CHUNK;
    const size_t segment_bytes = weights->runs * run_segments * sizeof *weights->segments;
    size_t nibbles = blocks;
    weights->block_bytes = groups * bnn_lookup_width(most);
    if (!bnn_multiply(&nibbles, weights->block_bytes))
        return false;
    weights->segments = bnn_allocate(segment_bytes);
    weights->nibbles = bnn_allocate(nibbles);
    weights->bytes = nibbles + segment_bytes;
    if (weights->segments == NULL || weights->nibbles == NULL)
        return false;
    memset(weights->nibbles, BNN_LOOKUP_NO_WEIGHT, nibbles);
    cut(weights, run_offsets);
    return true;
}

void bnn_lookup_weights_put(const bnn_lookup_weights *weights, size_t block, size_t filters,
                            size_t lane, size_t part, size_t parts, const uint64_t *words)
{
    const size_t width = bnn_lookup_width(filters);
    const size_t groups = weights->tap_groups / parts;
    const size_t tap_words = (groups + WORD_GROUPS - 1) / WORD_GROUPS;
    uint8_t *run = weights->nibbles + block * weights->block_bytes + lane;
    for (size_t r = 0; r < weights->runs; r++, run += weights->run_groups * width) {
        uint8_t *pixel = run;
        for (size_t tap = 0; tap < weights->run_taps; tap++, words += tap_words) {
            uint8_t *to = pixel + part * groups * width;
            for (size_t g = 0; g < groups; g++, to += width)
                *to = words[g / WORD_GROUPS] >> GROUP_BITS * (g % WORD_GROUPS) & 15;
            pixel += weights->tap_groups * width;
        }
    }
}

void bnn_lookup_weights_destroy(bnn_lookup_weights *weights)
{
    free(weights->segments);
    free(weights->nibbles);
}
