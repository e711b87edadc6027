/* Loops that reach the ceilings of an instruction set. */
#ifndef BNNPLAN_PEAK_LOOPS_H
#define BNNPLAN_PEAK_LOOPS_H

#include <bnnplan/isa.h>

enum {
    BNN_PEAK_PASSES = 2,
    BNN_PEAK_DATA = 12288,   /* bytes that products are computed from: in any first-level cache */
    BNN_PEAK_GRAIN = 1024,   /* bytes read are a multiple of it */
    BNN_PEAK_STEPS = 1 << 12 /* cycles of one pass of the clock's loop */
};

/* Work through the data once. The result depends on all of it, so that no compiler leaves
 * anything out. */
typedef uint64_t (*bnn_peak_pass)(const void *data, size_t bytes);

/* Keep a sum in its register: compilers copy some at the end of every turn of a loop. */
#if defined(__x86_64__)
#define BNN_STAY(sum) __asm__("" : "+v"(sum))
#elif defined(__aarch64__) || defined(__ARM_NEON)
#define BNN_STAY(sum) __asm__("" : "+w"(sum))
#else
#define BNN_STAY(sum) (void)(sum)
#endif

typedef struct {
    /* The faster one counts, which it is depends on the machine. NULL: there is none. */
    bnn_peak_pass passes[BNN_PEAK_PASSES];
    double work;      /* products, or bytes, of one byte of data */
    uint32_t pattern; /* what the data is filled with */
} bnn_peak_loop;

typedef struct {
    bnn_peak_loop count, lookup, bytes, floats, read;
} bnn_peak_loops;

/* Instead of data, it is the number of sums that counts: BNN_PEAK_STEPS a pass. */
uint64_t bnn_peak_clock(const void *data, size_t bytes);

extern const bnn_peak_loops bnn_peak_portable;
#if defined(__x86_64__)
extern const bnn_peak_loops bnn_peak_avx2;
extern const bnn_peak_loops bnn_peak_avx512bw;
extern const bnn_peak_loops bnn_peak_avx512;
#elif defined(__aarch64__) || defined(__arm__)
extern const bnn_peak_loops bnn_peak_neon;
#endif

const bnn_peak_loops *bnn_peak_select(bnn_isa isa);

#endif
