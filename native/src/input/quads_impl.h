/* Tiles of bytes, a vector of channels times a quad at a time: add_quads(). */
#include "input/rows_finish.h"

BNN_INLINE void bytes_tile(const bnn_input_row *row, const finish *f, size_t first,
                           const size_t outputs, const bool bits)
{
    const size_t step = row->window_step, runs = row->runs, quads = row->run_length;
    const char *windows = row->windows + first * step;
    const int8_t *weights = row->weights;
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
            sums[p][v] = LOAD_U32(row->starts + LANES * v);
    for (size_t r = 0; r < runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t q = 0; q < quads; q++, run += BNN_QUAD) {
            BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
                uint32_t quad;
                memcpy(&quad, run + p * step, sizeof quad);
                BNN_UNROLL for (size_t v = 0; v < VECTORS; v++)
                    sums[p][v] = add_quads(sums[p][v], quad, weights + VECTOR_BYTES * v);
            }
            weights += BNN_INPUT_BLOCK * BNN_QUAD;
        }
    }
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        finish_integers(f, first + p, sums[p], bits);
}
