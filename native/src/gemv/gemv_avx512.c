/* AVX-512 with VPOPCNTDQ: eight filters a vector, counts in 64-bit lanes. */
#include "gemv/gemv.h"
#include "threshold/less_avx512.h"

enum { FILTERS = 8, LANES = 32, BLOCK = 64, MOST_VECTORS = BLOCK / FILTERS };

BNN_INLINE void count_block(const bnn_gemv *gemv, const size_t vectors, int32_t *mismatches)
{
    const uint64_t *weights = gemv->weights;
    __m512i sums[MOST_VECTORS];
    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
        sums[v] = _mm512_setzero_si512();
    for (size_t i = 0; i < gemv->units; i++, weights += vectors * FILTERS) {
        const __m512i a = _mm512_set1_epi64((long long)gemv->vector[i]);
        BNN_UNROLL for (size_t v = 0; v < vectors; v++) {
            BNN_GEMV_PREFETCH(weights + FILTERS * v);
            const __m512i w = _mm512_loadu_si512(weights + FILTERS * v);
            sums[v] =
                _mm512_add_epi64(sums[v], _mm512_popcnt_epi64(_mm512_xor_si512(a, w)));
        }
    }
    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
        _mm256_storeu_si256((void *)(mismatches + FILTERS * v), _mm512_cvtepi64_epi32(sums[v]));
    for (int f = vectors * FILTERS; f < BLOCK; f++)
        mismatches[f] = 0;
}

BNN_INLINE void count(const bnn_gemv *gemv, int32_t *mismatches)
{
    if (gemv->filters <= LANES)
        count_block(gemv, LANES / FILTERS, mismatches);
    else
        count_block(gemv, MOST_VECTORS, mismatches);
}

#include "gemv/gemv_impl.h"

const bnn_gemv_kernels bnn_gemv_avx512 = {
    .unit = sizeof(uint64_t),
    .lanes = LANES,
    .block = BLOCK,
    .most_vectors = 1,
    .least_filters = 17,
    .sums = sums,
    .bits = bits,
};
