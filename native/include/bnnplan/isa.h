/* Instruction sets: which exist in this build, which the machine runs, and which a kernel uses. */
#ifndef BNNPLAN_ISA_H
#define BNNPLAN_ISA_H

#include <bnnplan/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    BNN_ISA_BEST = 0, /* whatever is fastest here, or what BNNPLAN_ISA forces */
    BNN_ISA_PORTABLE = 1,
    BNN_ISA_AVX2 = 2,
    BNN_ISA_AVX512BW = 3, /* F, BW, DQ and VL */
    BNN_ISA_AVX512 = 4,   /* these, VNNI and VPOPCNTDQ */
    BNN_ISA_NEON = 5
} bnn_isa;

/* How products of bits are computed. */
typedef enum {
    BNN_METHOD_BEST = 0,   /* by instruction set and shape */
    BNN_METHOD_COUNT = 1,  /* exclusive or, then counting bits */
    BNN_METHOD_LOOKUP = 2, /* counts looked up, nibble by nibble: see bnn_lookup_fits() */
} bnn_method;

/* How a kernel is to run. */
typedef struct {
    bnn_isa isa;
    int axes;          /* BNN_X, BNN_Y, BNN_Z or-ed: the axes whose work is shared out */
    int threads;       /* at least 1 */
    bnn_method method; /* read by products of bits only */
} bnn_execution;

/* The environment variable BNNPLAN_ISA (portable, avx2, avx512bw, avx512, neon) forces one
 * instruction set: BNN_ISA_BEST becomes it, and any other wish is refused. A wish that this
 * machine or build cannot fulfil is BNN_UNSUPPORTED, an unknown one BNN_BAD_ARGUMENT. */
bnn_status bnn_isa_choose(bnn_isa wanted, bnn_isa *chosen);

/* "portable", "avx2", "avx512bw", "avx512", "neon", "best"; "unknown" for anything else. */
const char *bnn_isa_name(bnn_isa isa);

#ifdef __cplusplus
}
#endif

#endif
