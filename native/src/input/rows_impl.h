/* The loops of first layers; included once for each instruction set, which defines
 * VECTOR_BYTES, TILE_OUTPUTS, add_quads(), block_less_i32() and block_less_f32().
 */
#include "core/unroll.h"
#include "input/rows.h"
#include "input/vectors.h"

#include <string.h>

/* What the outputs of a row have in common, in registers: stores to the output may not alias it. */
typedef struct {
    char *output;
    size_t step;
    size_t bytes; /* of bits, or of sums */
    const int32_t *limits;
    const float *float_limits;
    const uint32_t *signs;
    uint32_t flips;
} finish;

BNN_INLINE finish finish_of(const bnn_input_row *row, const bool bits)
{
    finish f = {row->output, row->output_step, row->channels * sizeof(int32_t), NULL, NULL, NULL, 0};
    if (bits) {
        f.bytes = row->output_bytes;
        f.limits = row->limits->limits + row->filter;
        f.float_limits = row->limits->float_limits + row->filter;
        f.signs = row->limits->signs + row->filter;
        f.flips = row->limits->flips[row->filter / BNN_INPUT_BLOCK];
    }
    return f;
}

BNN_INLINE void store_bits(const finish *f, size_t output, uint32_t bits)
{
    char *to = f->output + output * f->step;
    uint64_t word = bits;
    if (f->bytes == sizeof word)
        memcpy(to, &word, sizeof word);
    else
        memcpy(to, &bits, sizeof bits);
}

BNN_INLINE void finish_integers(const finish *f, size_t output, const vector_u32 *sums,
                                const bool bits)
{
    if (bits)
        store_bits(f, output, block_less_i32(sums, f->limits) ^ f->flips);
    else
        memcpy(f->output + output * f->step, sums, f->bytes);
}

BNN_INLINE void finish_floats(const finish *f, size_t output, const vector_f32 *sums,
                              const bool bits)
{
    if (bits) {
        vector_u32 turned[VECTORS];
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            turned[v] = (vector_u32)sums[v] ^ LOAD_U32(f->signs + LANES * v);
        store_bits(f, output, block_less_f32(turned, f->float_limits));
    } else {
        memcpy(f->output + output * f->step, sums, f->bytes);
    }
}

BNN_INLINE void bytes_tile(const bnn_input_row *row, const finish *f, size_t first,
                           const int outputs, const bool bits)
{
    const size_t step = row->window_step, runs = row->runs, quads = row->run_length;
    const char *windows = row->windows + first * step;
    const int8_t *weights = row->weights;
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            sums[p][v] = LOAD_U32(row->starts + LANES * v);
    for (size_t r = 0; r < runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t q = 0; q < quads; q++, run += BNN_QUAD) {
            BNN_UNROLL for (int p = 0; p < outputs; p++) {
                uint32_t quad;
                memcpy(&quad, run + (size_t)p * step, sizeof quad);
                BNN_UNROLL for (int v = 0; v < VECTORS; v++)
                    sums[p][v] = add_quads(sums[p][v], quad, weights + VECTOR_BYTES * v);
            }
            weights += BNN_INPUT_BLOCK * BNN_QUAD;
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_integers(f, first + (size_t)p, sums[p], bits);
}

BNN_INLINE void int32_tile(const bnn_input_row *row, const finish *f, size_t first,
                           const int outputs, const bool bits)
{
    const size_t step = row->window_step;
    const char *windows = row->windows + first * step;
    const uint32_t *weights = row->weights;
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            sums[p][v] = LOAD_U32(row->starts + LANES * v);
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t i = 0; i < row->run_length; i++, run += sizeof(uint32_t)) {
            BNN_UNROLL for (int p = 0; p < outputs; p++) {
                uint32_t number;
                memcpy(&number, run + (size_t)p * step, sizeof number);
                BNN_UNROLL for (int v = 0; v < VECTORS; v++)
                    sums[p][v] += number * LOAD_U32(weights + LANES * v);
            }
            weights += BNN_INPUT_BLOCK;
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_integers(f, first + (size_t)p, sums[p], bits);
}

/* In the defined order: one product (exact, as weights are +1 and -1) and one sum after the
 * other. */
BNN_INLINE void float32_tile(const bnn_input_row *row, const finish *f, size_t first,
                             const int outputs, const bool bits)
{
    const size_t step = row->window_step;
    const char *windows = row->windows + first * step;
    const float *weights = row->weights;
    vector_f32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            sums[p][v] = (vector_f32){0};
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t i = 0; i < row->run_length; i++, run += sizeof(float)) {
            BNN_UNROLL for (int p = 0; p < outputs; p++) {
                float number;
                memcpy(&number, run + (size_t)p * step, sizeof number);
                BNN_UNROLL for (int v = 0; v < VECTORS; v++)
                    sums[p][v] += number * LOAD_F32(weights + LANES * v);
            }
            weights += BNN_INPUT_BLOCK;
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_floats(f, first + (size_t)p, sums[p], bits);
}

#define BNN_LOOP(NAME)                                                                            \
    BNN_INLINE void NAME##_walk(const bnn_input_row *row, const bool bits)                        \
    {                                                                                             \
        const finish f = finish_of(row, bits);                                                    \
        const size_t outputs = row->outputs;                                                      \
        size_t i = 0;                                                                             \
        for (; i + TILE_OUTPUTS <= outputs; i += TILE_OUTPUTS)                                    \
            NAME##_tile(row, &f, i, TILE_OUTPUTS, bits);                                          \
        for (; i < outputs; i++)                                                                  \
            NAME##_tile(row, &f, i, 1, bits);                                                     \
    }                                                                                             \
    static void NAME##_loop(const bnn_input_row *row)                                             \
    {                                                                                             \
        if (row->limits != NULL)                                                                  \
            NAME##_walk(row, true);                                                               \
        else                                                                                      \
            NAME##_walk(row, false);                                                              \
    }

BNN_LOOP(bytes)
BNN_LOOP(int32)
BNN_LOOP(float32)

#undef BNN_LOOP
