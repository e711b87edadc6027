/* A vector of bits times one block of filters: every weight is read once, in the order in which it
 * is needed.
 *
 * Weights are packed [units][width of the block]: the same unit (a byte or a word) of neighbouring
 * filters side by side, so that a lane of a vector register is a filter.
 */
#ifndef BNNPLAN_GEMV_GEMV_H
#define BNNPLAN_GEMV_GEMV_H

#include <bnnplan/isa.h>
#include <stdbool.h>

typedef struct {
    const uint64_t *vector;
    size_t units; /* of the vector, and of each filter */
    const void *weights;
    /* Of each filter: the sum without mismatches, or the most mismatches that still give bit 0.
     * Whole blocks, lanes without a filter never exceeding theirs. */
    const int32_t *limits;
    size_t filters; /* 1 .. block */
    void *output;   /* int32 sums, or whole words of bits */
} bnn_gemv;

typedef struct {
    size_t unit;          /* bytes: 1 or 8 */
    size_t lanes;         /* widths are multiples of it, it being 32 or 64 */
    size_t block;         /* the best width: a word, two, or four of output bits; less will do */
    size_t most_vectors;  /* with more of them, rows are faster */
    size_t least_filters; /* with fewer, too */
    void (*sums)(const bnn_gemv *gemv); /* limits - 2 * mismatches */
    void (*bits)(const bnn_gemv *gemv); /* mismatches > limits */
} bnn_gemv_kernels;

#if defined(__x86_64__)
extern const bnn_gemv_kernels bnn_gemv_avx2;
extern const bnn_gemv_kernels bnn_gemv_avx512bw;
extern const bnn_gemv_kernels bnn_gemv_avx512;
#endif

/* Weights that are read once come from far: they are asked for so many bytes ahead, which may lie
 * beyond their end. */
#define BNN_GEMV_PREFETCH(weights) __builtin_prefetch((const void *)((uintptr_t)(weights) + 4096))

/* NULL where the rows of count/rows.h are as good. */
const bnn_gemv_kernels *bnn_gemv_select(bnn_isa isa, size_t vectors, size_t filters);

#endif
