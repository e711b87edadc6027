/* Tiles of bytes, a quad at a time, summed in 16 bits, two sums a channel, for as long as these
 * hold them: vector_narrow, QUADS_A_SUM_HOLDS, add_quad() and add_pairs(). */
#include "input/rows_finish.h"

/* Add the 16-bit sums to those of 32 bits, and start them anew. */
BNN_INLINE void widen(const size_t outputs, vector_narrow narrow[TILE_OUTPUTS][VECTORS],
                      vector_u32 sums[TILE_OUTPUTS][VECTORS])
{
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
            sums[p][v] = add_pairs(sums[p][v], narrow[p][v]);
            narrow[p][v] = (vector_narrow){0};
        }
}

BNN_INLINE void bytes_tile(const bnn_input_row *row, const finish *f, size_t first,
                           const size_t outputs, const bool bits)
{
    const size_t step = row->window_step, runs = row->runs, quads = row->run_length;
    const char *windows = row->windows + first * step;
    const int8_t *weights = row->weights;
    vector_narrow narrow[TILE_OUTPUTS][VECTORS];
    vector_u32 sums[TILE_OUTPUTS][VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
            sums[p][v] = LOAD_U32(row->starts + LANES * v);
            narrow[p][v] = (vector_narrow){0};
        }
    size_t room = QUADS_A_SUM_HOLDS;
    for (size_t r = 0; r < runs; r++) {
        const char *run = windows + row->run_offsets[r];
        for (size_t q = 0; q < quads;) {
            if (room == 0) {
                widen(outputs, narrow, sums);
                room = QUADS_A_SUM_HOLDS;
            }
            const size_t stop = q + (quads - q < room ? quads - q : room);
            room -= stop - q;
            for (; q < stop; q++, run += BNN_QUAD, weights += BNN_INPUT_BLOCK * BNN_QUAD)
                add_quad(run, step, weights, outputs, narrow);
        }
    }
    widen(outputs, narrow, sums);
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        finish_integers(f, first + p, sums[p], bits);
}
