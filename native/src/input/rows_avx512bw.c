#include "input/vectors_avx512.h"

#include <string.h>

typedef vector_i16 vector_narrow;

enum { QUADS_A_SUM_HOLDS = 64 }; /* 64 * 2 * 255 < 2^15 */

/* Four unsigned bytes of each output times four signed ones, +1 and -1, for each channel. */
BNN_INLINE void add_quad(const char *run, size_t step, const int8_t *weights, const size_t outputs,
                         vector_narrow narrow[TILE_OUTPUTS][VECTORS])
{
    BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
        uint32_t quad;
        memcpy(&quad, run + p * step, sizeof quad);
        const __m512i x = _mm512_set1_epi32((int)quad);
        BNN_UNROLL for (size_t v = 0; v < VECTORS; v++) {
            const __m512i w = _mm512_loadu_si512(weights + VECTOR_BYTES * v);
            narrow[p][v] += (vector_narrow)_mm512_maddubs_epi16(x, w);
        }
    }
}

BNN_INLINE vector_u32 add_pairs(vector_u32 sums, vector_narrow pairs)
{
    return sums + (vector_u32)_mm512_madd_epi16((__m512i)pairs, _mm512_set1_epi16(1));
}

#include "input/pairs_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_avx512bw = {bytes_loop, int32_loop, float32_loop, 0};
