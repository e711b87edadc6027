/* Binary dense layers that count bits: what its parts share. */
#ifndef BNNPLAN_GEMM_GEMM_H
#define BNNPLAN_GEMM_GEMM_H

#include "core/split.h"
#include "count/rows.h"
#include "fuse/scale.h"
#include "gemv/gemv.h"

/* Weights are [blocks][units][width of the block]: the same unit of neighbouring filters side by
 * side. The last block is as narrow as its lanes allow. */
typedef struct {
    bnn_kernel base;
    const bnn_gemv_kernels *gemv; /* one vector at a time; NULL: those of a thread together */
    const bnn_row_kernels *rows;
    bnn_split split;
    size_t batch, filters, words;
    size_t block, blocks; /* filters of a block, and how many there are */
    size_t lanes;         /* widths are multiples of it */
    size_t unit, units;   /* bytes of a filter that stand together, and how many units it has */
    size_t block_bytes;
    bool to_bits;
    uint8_t *weights;
    int32_t *limits;   /* [blocks][block] */
    uint16_t *classes; /* of each vector: all 0 */
    bnn_fused_scale scale;
} bnn_binary_dense;

/* The split of vectors (along X) and blocks of filters (along Z) among threads. */
bnn_split bnn_dense_split(const bnn_execution *execution, size_t vectors, size_t blocks);

/* The size of blocks and weights, and the threads; batch, filters and words are given. */
void bnn_binary_dense_lay_out(bnn_binary_dense *dense, size_t channels,
                              const bnn_execution *execution);

/* Fill weights and limits from the user's arrays. */
void bnn_binary_dense_pack(bnn_binary_dense *dense, size_t channels, const int8_t *weights,
                           const int32_t *thresholds, const uint8_t *flips);

#endif
