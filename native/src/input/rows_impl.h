/* The loops of first layers; included once for each instruction set, after its bytes_tile(). It
 * defines VECTOR_BYTES, TILE_OUTPUTS, block_less_i32() and block_less_f32().
 */
#include "input/rows_finish.h"

BNN_INLINE void int32_tile(const bnn_input_row *row, const finish *f, size_t first,
                           const size_t outputs, const bool bits)
{
    const size_t step = row->window_step;
    const char *windows = row->windows + first * step;
    const uint32_t *weights = row->weights;
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
            sums[p][v] = LOAD_U32(row->starts + LANES * v);
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t i = 0; i < row->run_length; i++, run += sizeof(uint32_t)) {
            BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
                uint32_t number;
                memcpy(&number, run + p * step, sizeof number);
                BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
                    sums[p][v] += number * LOAD_U32(weights + LANES * v);
            }
            weights += BNN_INPUT_BLOCK;
        }
    }
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        finish_integers(f, first + p, sums[p], bits);
}

/* In the defined order, one product and one sum after the other. */
BNN_INLINE void float32_tile(const bnn_input_row *row, const finish *f, size_t first,
                             const size_t outputs, const bool bits)
{
    const size_t step = row->window_step;
    const char *windows = row->windows + first * step;
    const float *weights = row->weights;
    vector_f32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
            sums[p][v] = (vector_f32){0};
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t i = 0; i < row->run_length; i++, run += sizeof(float)) {
            BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
                float number;
                memcpy(&number, run + p * step, sizeof number);
                BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
                    sums[p][v] = add_product(sums[p][v], number, LOAD_F32(weights + LANES * v));
            }
            weights += BNN_INPUT_BLOCK;
        }
    }
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        finish_floats(f, first + p, sums[p], bits);
}

#define BNN_LOOP(NAME)                                                                            \
    BNN_INLINE void NAME##_walk(const bnn_input_row *row, const bool bits)                        \
    {                                                                                             \
        const finish f = finish_of(row, bits);                                                    \
        const size_t outputs = row->outputs;                                                      \
        size_t i = 0;                                                                             \
        for (; i + TILE_OUTPUTS <= outputs; i += TILE_OUTPUTS)                                    \
            NAME##_tile(row, &f, i, TILE_OUTPUTS, bits);                                          \
        if (i < outputs && outputs >= TILE_OUTPUTS) /* some once more */                          \
            NAME##_tile(row, &f, outputs - TILE_OUTPUTS, TILE_OUTPUTS, bits);                     \
        else                                                                                      \
            for (; i < outputs; i++)                                                              \
                NAME##_tile(row, &f, i, 1, bits);                                                 \
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
