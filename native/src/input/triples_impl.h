/* The loops of triples; included once for each instruction set, after its vectors: VECTOR_BYTES,
 * TILE_OUTPUTS, vector_u8, vector_i8, vector_i16, and
 *   repeat(address)        16 bytes, in every 16 bytes of a vector
 *   pick(bytes, places)    in every 16 bytes, those at the places; 0 for place 0x80
 *   pair_sums(bytes, signs) unsigned bytes times signs, sums of neighbours
 *   below(sums, limits)    bits of a block, 1 where a sum is less than its limit
 *   LANE_GROUPS            as bnn_triple_loops has them
 */
#include "core/bits.h"
#include "core/unroll.h"

#include <string.h>

enum { LANES = VECTOR_BYTES / 2, VECTORS = BNN_INPUT_BLOCK / LANES, GROUP = 8 };
enum { HALF = TILE_OUTPUTS / 2 };

static const uint8_t groups[BNN_LANE_GROUPS] = LANE_GROUPS;

/* In memory they are aligned as an element is. */
typedef vector_u8 memory_u8 __attribute__((aligned(1), may_alias));

/* What the outputs of a row have in common, in registers: stores to the output may not alias it. */
typedef struct {
    char *output;
    size_t step;
    size_t bytes; /* of bits, or of sums */
    const int32_t *starts;
    vector_i16 limits[VECTORS];
} finish;

BNN_INLINE void store_sums(const finish *f, char *to, const vector_i16 *sums)
{
    int16_t lanes[BNN_INPUT_BLOCK];
    int32_t numbers[BNN_INPUT_BLOCK];
    memcpy(lanes, sums, sizeof lanes);
    BNN_UNROLL for (size_t g = 0; g < BNN_LANE_GROUPS; g++)
        for (size_t i = 0; i < GROUP; i++)
            numbers[GROUP * g + i] = f->starts[GROUP * g + i] + lanes[GROUP * groups[g] + i];
    if (f->bytes == sizeof numbers) /* then it needs no call */
        memcpy(to, numbers, sizeof numbers);
    else
        memcpy(to, numbers, f->bytes);
}

/* One triple of neighbouring outputs, the first one's table given; sums begin with the first. */
BNN_INLINE void add_triple(const char *table, size_t step, const uint8_t *indices,
                           const size_t outputs, const bool is_first,
                           vector_i16 sums[TILE_OUTPUTS][VECTORS])
{
    vector_u8 places[VECTORS];
    BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
        places[v] = *(const memory_u8 *)(indices + v * VECTOR_BYTES);
    BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
        const vector_u8 entries = repeat(table + p * step);
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
            const vector_i16 sum = (vector_i16)pick(entries, places[v]);
            sums[p][v] = is_first ? sum : sums[p][v] + sum;
        }
    }
}

BNN_INLINE void tile(const bnn_triple_row *row, const finish *f, size_t first, const size_t outputs,
                     const bool bits)
{
    const size_t step = row->table_step, triples = row->triples;
    const char *tables = row->tables + first * step;
    const size_t *offsets = row->offsets;
    const uint8_t *indices = row->indices;
    vector_i16 sums[TILE_OUTPUTS][VECTORS];
    add_triple(tables + offsets[0], step, indices, outputs, true, sums);
    for (size_t t = 1; t < triples; t++) {
        indices += VECTORS * VECTOR_BYTES;
        add_triple(tables + offsets[t], step, indices, outputs, false, sums);
    }
    char *to = f->output + first * f->step;
    BNN_UNROLL for (size_t p = 0; p < outputs; p++, to += f->step)
        if (bits)
            bnn_store_half(to, f->bytes, below(sums[p], f->limits));
        else
            store_sums(f, to, sums[p]);
}

BNN_INLINE void walk(const bnn_triple_row *row, const bool bits)
{
    finish f = {.output = row->output, .step = row->output_step, .starts = row->starts};
    f.bytes = bits ? row->output_bytes : row->channels * sizeof(int32_t);
    if (bits)
        memcpy(f.limits, row->limits, sizeof f.limits);
    const size_t outputs = row->outputs;
    size_t i = 0;
    for (; i + TILE_OUTPUTS <= outputs; i += TILE_OUTPUTS)
        tile(row, &f, i, TILE_OUTPUTS, bits);
    for (; i + HALF <= outputs; i += HALF)
        tile(row, &f, i, HALF, bits);
    if (i < outputs && outputs >= HALF)
        tile(row, &f, outputs - HALF, HALF, bits); /* some once more */
    else
        for (; i < outputs; i++)
            tile(row, &f, i, 1, bits);
}

static void row_loop(const bnn_triple_row *row)
{
    if (row->limits != NULL)
        walk(row, true);
    else
        walk(row, false);
}

static void tables_loop(const bnn_triple_recipe *recipe, const uint8_t *bytes, size_t count,
                        void *tables)
{
    enum { TABLES = VECTOR_BYTES / BNN_TABLE_BYTES };
    vector_u8 pairs, singles;
    vector_i8 pair_signs, single_signs;
    vector_i16 excess;
    memcpy(&pairs, recipe->pairs, sizeof pairs);
    memcpy(&singles, recipe->singles, sizeof singles);
    memcpy(&pair_signs, recipe->pair_signs, sizeof pair_signs);
    memcpy(&single_signs, recipe->single_signs, sizeof single_signs);
    memcpy(&excess, recipe->excess, sizeof excess);
    const size_t step = TABLES * recipe->spacing;
    char *to = tables;
    for (size_t i = 0; i < count; i += TABLES, bytes += step, to += VECTOR_BYTES) {
        const vector_u8 near = repeat(bytes);
        const vector_i16 entries = pair_sums(pick(near, pairs), pair_signs) +
                                   pair_sums(pick(near, singles), single_signs) - excess;
        memcpy(to, &entries, sizeof entries);
    }
}
