#include "input/vectors_avx512.h"

/* Four unsigned bytes times four signed ones, for each channel. */
BNN_INLINE vector_u32 add_quads(vector_u32 sums, uint32_t quad, const int8_t *weights)
{
    __m512i w = _mm512_loadu_si512(weights);
    return (vector_u32)_mm512_dpbusd_epi32((__m512i)sums, _mm512_set1_epi32((int)quad), w);
}

#include "input/quads_impl.h"
#include "input/rows_impl.h"

const bnn_input_loops bnn_input_avx512 = {bytes_loop, int32_loop, float32_loop, 0};
