#include "gemm/gemm.h"

#include "core/bits.h"
#include "core/limits.h"
#include "core/memory.h"

/* Reading the weights is most of the time of so many vectors. */
enum { FEW_VECTORS = 8 };

bnn_split bnn_dense_split(const bnn_execution *execution, size_t vectors, size_t blocks)
{
    if (vectors > FEW_VECTORS)
        return bnn_split_choose(execution, vectors, 1, blocks);
    /* Each thread reads weights of its own, if it can: the axis that comes first is preferred. */
    bnn_execution turned = *execution;
    turned.axes = (execution->axes & BNN_X ? BNN_Z : 0) | (execution->axes & BNN_Z ? BNN_X : 0);
    const bnn_split split = bnn_split_choose(&turned, blocks, 1, vectors);
    return (bnn_split){split.z, 1, split.x};
}

static size_t pieces(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

/* Threads are given whole words of output bits. The widest block that makes no thread busier than
 * blocks of a word would. */
static void choose_gemv_block(bnn_binary_dense *dense, const bnn_execution *execution)
{
    const size_t words = bnn_words(dense->filters);
    dense->split = bnn_dense_split(execution, dense->batch, words);
    const size_t threads = dense->split.z, least = pieces(words, threads) * BNN_WORD_BITS;
    size_t block = dense->gemv->block;
    while (threads > 1 && pieces(pieces(dense->filters, block), threads) * block > least)
        block /= 2;
    dense->block = block;
}

void bnn_binary_dense_lay_out(bnn_binary_dense *dense, size_t channels,
                              const bnn_execution *execution)
{
    if (dense->gemv != NULL) {
        dense->unit = dense->gemv->unit;
        dense->lanes = dense->gemv->lanes;
        choose_gemv_block(dense, execution);
        dense->blocks = pieces(dense->filters, dense->block);
    } else {
        dense->unit = sizeof(uint64_t);
        dense->lanes = BNN_LANES;
        dense->block = BNN_BLOCK;
        dense->blocks = pieces(dense->filters, dense->block);
        dense->split = bnn_dense_split(execution, dense->batch, dense->blocks);
    }
    dense->units = pieces(channels, 8 * dense->unit);
    const size_t widest = bnn_round_up(bnn_smaller(dense->filters, dense->block), dense->lanes);
    dense->block_bytes = dense->units * widest * dense->unit;
}

/* A word of a filter; `units` are how many of it there are. */
static void put(uint8_t *to, uint64_t word, size_t unit, size_t units, size_t width)
{
    if (unit == sizeof word)
        memcpy(to, &word, sizeof word);
    else
        for (size_t i = 0; i < units; i++)
            to[i * width] = (uint8_t)(word >> 8 * i);
}

void bnn_binary_dense_pack(bnn_binary_dense *dense, size_t channels, const int8_t *weights,
                           const int32_t *thresholds, const uint8_t *flips)
{
    for (size_t i = 0; i < dense->blocks * dense->block; i++)
        dense->limits[i] = INT32_MAX; /* lanes without a filter never give bit 1 */
    for (size_t f = 0; f < dense->filters; f++) {
        const size_t block = f / dense->block, lane = f % dense->block;
        const size_t left = dense->filters - block * dense->block;
        const size_t width = bnn_round_up(bnn_smaller(left, dense->block), dense->lanes);
        const bool flip = thresholds != NULL && flips[f] != 0;
        const int8_t *from = weights + f * channels;
        uint8_t *to = dense->weights + block * dense->block_bytes + lane * dense->unit;
        for (size_t c = 0; c < channels; c += BNN_WORD_BITS) {
            const size_t n = bnn_smaller(channels - c, BNN_WORD_BITS);
            const uint64_t word = bnn_sign_bits(from + c, n);
            put(to, flip ? ~word & bnn_low_bits(n) : word, dense->unit, pieces(n, 8), width);
            to += width * sizeof word;
        }
        dense->limits[f] = thresholds == NULL
                               ? (int32_t)channels
                               : bnn_mismatch_limit((int64_t)channels, thresholds[f], flip);
    }
}
