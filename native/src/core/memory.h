/* Aligned memory and size arithmetic that cannot wrap unseen. */
#ifndef BNNPLAN_CORE_MEMORY_H
#define BNNPLAN_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BNN_ALIGNMENT = 64 };

/* Largest product of extents that kernels index with. */
#if SIZE_MAX > UINT32_MAX
#define BNN_MOST_ELEMENTS ((size_t)1 << 40)
#else
#define BNN_MOST_ELEMENTS ((size_t)1 << 28)
#endif

/* *product *= factor; false if it would exceed BNN_MOST_ELEMENTS. */
static inline bool bnn_multiply(size_t *product, size_t factor)
{
    if (factor != 0 && *product > BNN_MOST_ELEMENTS / factor)
        return false;
    *product *= factor;
    return true;
}

static inline size_t bnn_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t bnn_round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* Zeroed memory on a cache line, to be freed with free(); NULL if there is none. */
static inline void *bnn_allocate(size_t bytes)
{
    if (bytes > SIZE_MAX - BNN_ALIGNMENT)
        return NULL;
    size_t rounded = bnn_round_up(bytes == 0 ? 1 : bytes, BNN_ALIGNMENT);
    void *memory = aligned_alloc(BNN_ALIGNMENT, rounded);
    if (memory != NULL)
        memset(memory, 0, rounded);
    return memory;
}

#endif
