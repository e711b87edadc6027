/* Ceilings of a machine: what its cores can do at most, measured from short loops that do nothing
 * else. A kernel that computes the same comes near them, and never above.
 */
#ifndef BNNPLAN_PEAK_H
#define BNNPLAN_PEAK_H

#include <bnnplan/isa.h>
#include <bnnplan/team.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    BNN_PEAK_CYCLES = 0, /* clock cycles, told by sums that wait for each other */
    BNN_PEAK_COUNT = 1,  /* products of bits by counting, from the first-level cache */
    BNN_PEAK_LOOKUP = 2, /* products of bits by look-up, from there */
    BNN_PEAK_BYTES = 3,  /* products of bytes with +1 and -1, summed, from there */
    BNN_PEAK_FLOATS = 4, /* products of floats, rounded and then summed, from there */
    BNN_PEAK_READ = 5    /* bytes read, by each thread from memory of its own */
} bnn_peak;

/* What `threads` members of a team do a second, all together.
 *
 * Each takes short samples for `seconds` (more than 0, at most 10); the low quartile of their
 * times counts, so that others who use the machine at times do no harm. `bytes` is for reading
 * only: the size of each thread's memory, at least 4096, of which it reads whole kilobytes over
 * and over. BNN_UNSUPPORTED if the instruction set has no such products. */
bnn_status bnn_peak_measure(bnn_peak what, bnn_isa isa, size_t bytes, double seconds, int threads,
                            bnn_team *team, double *per_second);

#ifdef __cplusplus
}
#endif

#endif
