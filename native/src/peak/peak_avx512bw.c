/* AVX-512 without VPOPCNTDQ: as AVX2, with full adders of two instructions. */
#include "peak/numbers_impl.h"
#include "peak/pick_avx512.h"

typedef uint64_t vbits __attribute__((vector_size(64)));

BNN_INLINE vbytes repeat(const void *table)
{
    return (vbytes)_mm512_broadcast_i32x4(_mm_load_si128(table));
}

BNN_INLINE vbytes mean(vbytes a, vbytes b)
{
    return (vbytes)_mm512_avg_epu8((__m512i)a, (__m512i)b);
}

enum { MAJORITY = 0xe8, PARITY = 0x96 }; /* truth tables */

BNN_INLINE vbits majority(vbits a, vbits b, vbits c)
{
    return (vbits)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, MAJORITY);
}

BNN_INLINE vbits parity(vbits a, vbits b, vbits c)
{
    return (vbits)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, PARITY);
}

BNN_INLINE vbits count_bits(vbits v)
{
    const __m512i counts = _mm512_set4_epi32(0x04030302, 0x03020201, 0x03020201, 0x02010100);
    const vbytes low = (vbytes)(v & 0x0f0f0f0f0f0f0f0fu);
    const vbytes high = (vbytes)(v >> 4 & 0x0f0f0f0f0f0f0f0fu);
    const vbytes bytes = pick((vbytes)counts, low) + pick((vbytes)counts, high);
    return (vbits)_mm512_sad_epu8((__m512i)bytes, _mm512_setzero_si512());
}

#include "peak/bytes_impl.h"
#include "peak/carry_save_impl.h"
#include "peak/lookup_impl.h"

const bnn_peak_loops bnn_peak_avx512bw = {.count = PEAK_CARRY_SAVE,
                                          .lookup = PEAK_LOOKUP,
                                          .bytes = PEAK_BYTES,
                                          .floats = PEAK_FLOATS,
                                          .read = PEAK_READ};
