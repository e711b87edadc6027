/* First layers of bytes, three bytes at a time: the sum of three bytes times weights +1 and -1 is
 * one of eight, and is looked up in a table of them.
 *
 * A table serves all windows that hold its bytes, and all filters: entry s is the sum of the
 * bytes, byte i negated where bit i of s is set. Bytes count as 128 less than they are, so that
 * sums of 255 taps fit into 16 bits.
 */
#ifndef BNNPLAN_INPUT_TRIPLES_H
#define BNNPLAN_INPUT_TRIPLES_H

#include "input/rows.h"

#include <bnnplan/binary.h>

enum {
    BNN_TRIPLE = 3,
    BNN_TRIPLE_TAPS = 255, /* of a filter, at most */
    BNN_TABLE_BYTES = 16,
    BNN_TABLES_AT_ONCE = 4, /* tables are built in multiples of it */
    BNN_TABLE_REACH = 16,   /* bytes that are read where a table's bytes begin */
    BNN_LANE_GROUPS = 4     /* of 8 lanes of 16 bits, in a block */
};

/* How one kind of table is made, for four tables side by side: which bytes their entries take, in
 * pairs and singly, with which signs, and what they add. */
typedef struct {
    uint8_t pairs[BNN_TABLES_AT_ONCE * BNN_TABLE_BYTES];
    uint8_t singles[BNN_TABLES_AT_ONCE * BNN_TABLE_BYTES];
    int8_t pair_signs[BNN_TABLES_AT_ONCE * BNN_TABLE_BYTES];
    int8_t single_signs[BNN_TABLES_AT_ONCE * BNN_TABLE_BYTES];
    int16_t excess[BNN_TABLES_AT_ONCE * BNN_TABLE_BYTES / 2];
    size_t spacing; /* bytes from one table's first byte to the next one's: 1 or 3 */
} bnn_triple_recipe;

/* Neighbouring outputs times one block of channels. */
typedef struct {
    const char *tables;    /* of the first output's window */
    size_t table_step;     /* bytes from one output's tables to the next one's */
    const size_t *offsets; /* bytes from there to the table of each triple */
    size_t triples;
    const uint8_t *indices; /* [triples][block] pairs of bytes of a table, in lanes */
    const int16_t *limits;  /* [block], in lanes: bit 1 below it; NULL: sums are written */
    const int32_t *starts;  /* [block], of channels: what is added to written sums */
    size_t channels;        /* 1 .. BNN_INPUT_BLOCK */
    size_t outputs;
    char *output;
    size_t output_step;  /* bytes */
    size_t output_bytes; /* of bits: 4, or 8 with the upper half 0 */
} bnn_triple_row;

typedef struct {
    void (*row)(const bnn_triple_row *row);
    /* `count` tables, a multiple of BNN_TABLES_AT_ONCE, of the bytes from `bytes` on. */
    void (*tables)(const bnn_triple_recipe *recipe, const uint8_t *bytes, size_t count,
                   void *tables);
    uint8_t groups[BNN_LANE_GROUPS]; /* of lanes, for each 8 channels of a block */
} bnn_triple_loops;

#if defined(__x86_64__)
extern const bnn_triple_loops bnn_triples_avx2;
extern const bnn_triple_loops bnn_triples_avx512bw;
#elif defined(__aarch64__)
extern const bnn_triple_loops bnn_triples_neon;
#endif

/* NULL where the instruction set looks nothing up, or for what the loops cannot compute. */
const bnn_triple_loops *bnn_triples_select(bnn_isa isa, const bnn_convolution *shape,
                                           bnn_element element);

#endif
