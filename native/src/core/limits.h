/* From thresholds on sums to limits on mismatches. */
#ifndef BNNPLAN_CORE_LIMITS_H
#define BNNPLAN_CORE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* The most mismatches that still give bit 0, for sum = full - 2 * mismatches and bit 1 where
 * sum < threshold. A flipped channel has its weights negated, and x > t is -x < -t: `flip`
 * negates the threshold, in 64 bits so that the smallest integer has a negative.
 * The result is between -1 (bit always 1) and INT32_MAX (never). */
static inline int32_t bnn_mismatch_limit(int64_t full, int32_t threshold, bool flip)
{
    int64_t t = flip ? -(int64_t)threshold : threshold;
    int64_t twice = full - t; /* bit 1 where 2 * mismatches > twice */
    if (twice < 0)
        return -1;
    int64_t limit = twice / 2;
    return limit > INT32_MAX ? INT32_MAX : (int32_t)limit;
}

#endif
