/* AVX2: bits counted by carry-save adders, and products of bits and of bytes looked up. */
#include "peak/numbers_impl.h"

#include <immintrin.h>

typedef uint64_t vbits __attribute__((vector_size(32)));
typedef uint8_t vbytes __attribute__((vector_size(32)));

BNN_INLINE vbits majority(vbits a, vbits b, vbits c)
{
    return (b & c) | ((b ^ c) & a);
}

BNN_INLINE vbits parity(vbits a, vbits b, vbits c)
{
    return (b ^ c) ^ a;
}

BNN_INLINE vbytes repeat(const void *table)
{
    return (vbytes)_mm256_broadcastsi128_si256(_mm_load_si128(table));
}

BNN_INLINE vbytes pick(vbytes table, vbytes places)
{
    return (vbytes)_mm256_shuffle_epi8((__m256i)table, (__m256i)places);
}

BNN_INLINE vbytes mean(vbytes a, vbytes b)
{
    return (vbytes)_mm256_avg_epu8((__m256i)a, (__m256i)b);
}

BNN_INLINE vbits count_bits(vbits v)
{
    const vbytes counts = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    const vbytes low = (vbytes)(v & 0x0f0f0f0f0f0f0f0fu);
    const vbytes high = (vbytes)(v >> 4 & 0x0f0f0f0f0f0f0f0fu);
    const vbytes bytes = pick(counts, low) + pick(counts, high);
    return (vbits)_mm256_sad_epu8((__m256i)bytes, _mm256_setzero_si256());
}

#include "peak/bytes_impl.h"
#include "peak/carry_save_impl.h"
#include "peak/lookup_impl.h"

const bnn_peak_loops bnn_peak_avx2 = {.count = PEAK_CARRY_SAVE,
                                      .lookup = PEAK_LOOKUP,
                                      .bytes = PEAK_BYTES,
                                      .floats = PEAK_FLOATS,
                                      .read = PEAK_READ};
