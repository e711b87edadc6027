/* How the work of a kernel is shared out among its threads. */
#ifndef BNNPLAN_CORE_SPLIT_H
#define BNNPLAN_CORE_SPLIT_H

#include <bnnplan/isa.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    size_t begin;
    size_t end;
} bnn_range;

/* Part `part` of `parts` of 0 .. n - 1; sizes differ by at most one. */
static inline bnn_range bnn_share(size_t n, size_t part, size_t parts)
{
    size_t base = n / parts, rest = n % parts;
    size_t begin = part * base + (part < rest ? part : rest);
    return (bnn_range){begin, begin + base + (part < rest ? 1 : 0)};
}

/* The size of the largest part of `parts` of n. */
static inline size_t bnn_split_most(size_t n, size_t parts)
{
    return (n + parts - 1) / parts;
}

/* Threads along each axis; their product is at most the threads of the execution. */
typedef struct {
    size_t x, y, z;
} bnn_split;

/* What one thread computes. */
typedef struct {
    bnn_range x, y, z;
} bnn_part;

/* The split over the allowed axes that leaves the least work, or hardly more, to the busiest
 * thread: images before windows before neurons. */
bnn_split bnn_split_choose(const bnn_execution *execution, size_t images, size_t windows,
                           size_t neurons);

/* The ranges of one thread; empty for threads beyond the split. */
bnn_part bnn_split_part(bnn_split split, int thread, size_t images, size_t windows,
                        size_t neurons);

#endif
