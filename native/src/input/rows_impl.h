/* The loops of first layers; included once for each instruction set, which defines
 * VECTOR_BYTES, TILE_OUTPUTS (1, 2, 4 or 8), add_quads() and less_*().
 */
#include "core/unroll.h"
#include "input/rows.h"
#include "input/vectors.h"

#include <string.h>

enum {
    LANES = VECTOR_BYTES / 4,
    VECTORS = BNN_INPUT_BLOCK / LANES
};

BNN_INLINE void store_bits(const bnn_input_row *row, char *to, uint32_t bits)
{
    uint64_t word = bits;
    if (row->output_bytes == sizeof word)
        memcpy(to, &word, sizeof word);
    else
        memcpy(to, &bits, sizeof bits);
}

BNN_INLINE void finish_integers(const bnn_input_row *row, size_t output, const vector_u32 *sums)
{
    char *to = row->output + output * row->output_step;
    int32_t numbers[BNN_INPUT_BLOCK];
    BNN_UNROLL for (int v = 0; v < VECTORS; v++)
        *(vector_u32 *)(void *)(numbers + LANES * v) = sums[v];
    if (row->limits == NULL) {
        memcpy(to, numbers, row->channels * sizeof *numbers);
        return;
    }
    const int32_t *limits = row->limits->limits + row->filter;
    uint32_t flips = row->limits->flips[row->filter / BNN_INPUT_BLOCK];
    store_bits(row, to, less_i32(numbers, limits, row->channels) ^ flips);
}

BNN_INLINE void finish_floats(const bnn_input_row *row, size_t output, const vector_f32 *sums)
{
    char *to = row->output + output * row->output_step;
    float numbers[BNN_INPUT_BLOCK];
    if (row->limits == NULL) {
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            *(vector_f32 *)(void *)(numbers + LANES * v) = sums[v];
        memcpy(to, numbers, row->channels * sizeof *numbers);
        return;
    }
    const uint32_t *signs = row->limits->signs + row->filter;
    BNN_UNROLL for (int v = 0; v < VECTORS; v++)
        *(vector_u32 *)(void *)(numbers + LANES * v) =
            (vector_u32)sums[v] ^ *(const vector_u32 *)(const void *)(signs + LANES * v);
    const float *limits = row->limits->float_limits + row->filter;
    store_bits(row, to, less_f32(numbers, limits, row->channels));
}

BNN_INLINE void bytes_tile(const bnn_input_row *row, size_t first, const int outputs)
{
    const char *windows = row->windows + first * row->window_step;
    const int8_t *weights = row->weights;
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            sums[p][v] = *(const vector_u32 *)(const void *)(row->starts + LANES * v);
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t q = 0; q < row->run_length; q++, run += BNN_QUAD) {
            BNN_UNROLL for (int p = 0; p < outputs; p++) {
                uint32_t quad;
                memcpy(&quad, run + (size_t)p * row->window_step, sizeof quad);
                BNN_UNROLL for (int v = 0; v < VECTORS; v++)
                    sums[p][v] = add_quads(sums[p][v], quad, weights + VECTOR_BYTES * v);
            }
            weights += BNN_INPUT_BLOCK * BNN_QUAD;
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_integers(row, first + (size_t)p, sums[p]);
}

BNN_INLINE void int32_tile(const bnn_input_row *row, size_t first, const int outputs)
{
    const char *windows = row->windows + first * row->window_step;
    const uint32_t *weights = row->weights;
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < VECTORS; v++)
            sums[p][v] = *(const vector_u32 *)(const void *)(row->starts + LANES * v);
    for (size_t r = 0; r < row->runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t i = 0; i < row->run_length; i++, run += sizeof(uint32_t)) {
            BNN_UNROLL for (int p = 0; p < outputs; p++) {
                uint32_t number;
                memcpy(&number, run + (size_t)p * row->window_step, sizeof number);
                BNN_UNROLL for (int v = 0; v < VECTORS; v++)
                    sums[p][v] +=
                        number * *(const vector_u32 *)(const void *)(weights + LANES * v);
            }
            weights += BNN_INPUT_BLOCK;
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_integers(row, first + (size_t)p, sums[p]);
}

/* In the defined order: one product (exact, as weights are +1 and -1) and one sum after the
 * other. */
BNN_INLINE void float32_tile(const bnn_input_row *row, size_t first, const int outputs)
{
    const char *windows = row->windows + first * row->window_step;
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
                memcpy(&number, run + (size_t)p * row->window_step, sizeof number);
                BNN_UNROLL for (int v = 0; v < VECTORS; v++)
                    sums[p][v] +=
                        number * *(const vector_f32 *)(const void *)(weights + LANES * v);
            }
            weights += BNN_INPUT_BLOCK;
        }
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        finish_floats(row, first + (size_t)p, sums[p]);
}

#define BNN_LOOP(NAME)                                                                            \
    static void NAME##_loop(const bnn_input_row *row)                                             \
    {                                                                                             \
        size_t i = 0;                                                                             \
        for (; i + TILE_OUTPUTS <= row->outputs; i += TILE_OUTPUTS)                               \
            NAME##_tile(row, i, TILE_OUTPUTS);                                                    \
        for (; i < row->outputs; i++)                                                             \
            NAME##_tile(row, i, 1);                                                               \
    }

BNN_LOOP(bytes)
BNN_LOOP(int32)
BNN_LOOP(float32)

#undef BNN_LOOP
