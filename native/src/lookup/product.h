/* Products of bits by look-up: the number of mismatches of an activation nibble with a weight
 * nibble is read from a table instead of being counted.
 *
 * For a nibble a there are 16 counts, T_a[v] = popcount(a xor v): what one byte shuffle looks up in
 * every lane. Two outputs share a byte, as 16 * count of the second + count of the first, so that
 * 256 tables serve all pairs of nibbles, and one shuffle of 32 lanes is 256 products. A lane is a
 * filter.
 *
 * The activations of a pair of pixels become an index: for each nibble (a group of 4 channels), the
 * place of its table. It is built once a pair of pixels, whatever number of windows it is in.
 * Weights have a nibble a byte; NO_WEIGHT looks up 0 in any table, so that padding adds nothing.
 */
#ifndef BNNPLAN_LOOKUP_PRODUCT_H
#define BNNPLAN_LOOKUP_PRODUCT_H

#include <bnnplan/isa.h>
#include <stdbool.h>

enum {
    BNN_LOOKUP_LANES = 32, /* filters of a vector */
    BNN_LOOKUP_BLOCK = 64, /* most filters of one tile: a word of output bits */
    BNN_LOOKUP_STEP = 6,   /* groups of a segment are a multiple of it */
    BNN_LOOKUP_CHUNK = 60, /* groups that a byte can count: 60 * 4 = 240 */
    BNN_LOOKUP_MOST_TAPS = 65534, /* counts have 16 bits, and one value means never */
    BNN_LOOKUP_NO_WEIGHT = 0x80,
    BNN_LOOKUP_GROUP = 4 /* channels */
};

/* Where the two pixels of a pair are, in words from the start of their row. */
typedef struct {
    size_t first, second;
} bnn_pixel_pair;

/* Consecutive groups of a window. */
typedef struct {
    size_t offset; /* in the index, from the start of a window */
    size_t groups; /* a multiple of BNN_LOOKUP_STEP; what is too much meets NO_WEIGHT */
    bool ends_chunk; /* no more groups can be counted in bytes */
} bnn_lookup_segment;

/* Pairs of neighbouring outputs times a block of filters, or several that follow each other. */
typedef struct {
    const uint16_t *index;
    const size_t *starts; /* in the index, of the window of each pair */
    size_t pairs;
    const bnn_lookup_segment *segments;
    size_t segment_count;
    const uint8_t *weights; /* of each block: [groups of all segments][width of the block] */
    size_t block_bytes;     /* from block to block */
    size_t blocks;          /* 1 .. most_blocks: see bnn_lookup_blocks() */
    size_t filters;         /* of the first one: 1 .. BNN_LOOKUP_BLOCK */
    /* Of each block: [pairs][2][BNN_LOOKUP_BLOCK], in the order of bnn_lookup_place(). */
    uint16_t *counts;
} bnn_lookup_tile;

/* From counts of neighbouring outputs to what is wanted of them. */
typedef struct {
    const uint16_t *counts;
    size_t outputs;
    const uint16_t *least; /* for bits, of each class: see bnn_lookup_least() */
    const int32_t *full;   /* for sums, of each class: the sum without mismatches */
    size_t class_step;     /* from one class to the next */
    const uint16_t *classes;
    size_t filters; /* 1 .. BNN_LOOKUP_BLOCK */
    void *output;
    size_t output_step; /* bytes */
} bnn_lookup_finish;

typedef struct {
    size_t most_blocks; /* of a tile, which a look at the index serves */
    /* The index of some pairs of one row; reads whole words. */
    void (*index)(const uint64_t *row, const bnn_pixel_pair *pairs, size_t count, size_t groups,
                  uint16_t *index);
    void (*count)(const bnn_lookup_tile *tile);
    void (*bits)(const bnn_lookup_finish *finish); /* a word an output */
    void (*sums)(const bnn_lookup_finish *finish); /* int32 */
} bnn_lookup_kernels;

#if defined(__x86_64__)
extern const bnn_lookup_kernels bnn_lookup_avx2;
extern const bnn_lookup_kernels bnn_lookup_avx512bw;
#endif

/* NULL where an instruction set has no look-up, or counts faster. */
const bnn_lookup_kernels *bnn_lookup_select(bnn_isa isa);

/* Width of a block's weights. */
static inline size_t bnn_lookup_width(size_t filters)
{
    return filters <= BNN_LOOKUP_LANES ? BNN_LOOKUP_LANES : BNN_LOOKUP_BLOCK;
}

/* How many of some blocks left, with `filters` in all, make the next tile: those of full width. */
static inline size_t bnn_lookup_blocks(const bnn_lookup_kernels *kernels, size_t left,
                                       size_t filters)
{
    const size_t wide = (filters + BNN_LOOKUP_BLOCK - BNN_LOOKUP_LANES - 1) / BNN_LOOKUP_BLOCK;
    const size_t most = left < kernels->most_blocks ? left : kernels->most_blocks;
    return wide < 1 ? 1 : wide < most ? wide : most;
}

/* Where the count of a filter of a block stands: bytes widened by interleaving have the second and
 * third eight of each 32 exchanged. */
static inline size_t bnn_lookup_place(size_t filter)
{
    const size_t eight = filter / 8 % 4;
    const size_t moved = eight == 1 ? 8 : eight == 2 ? (size_t)-8 : 0;
    return filter + moved;
}

/* Bit 1 from so many mismatches on, given the most that give bit 0; biased for signed compares. */
static inline uint16_t bnn_lookup_least(int32_t limit)
{
    const uint16_t least = limit < BNN_LOOKUP_MOST_TAPS ? (uint16_t)(limit + 1) : UINT16_MAX;
    return least ^ 0x8000;
}

#endif
