/* Plain C: what is counted is counted in words, which compilers make vectors of. */
#include "peak/numbers_impl.h"

typedef uint64_t vbits __attribute__((vector_size(4 * LANES)));

BNN_INLINE vbits parity(vbits a, vbits b, vbits c)
{
    return (b ^ c) ^ a;
}

BNN_INLINE vbits majority(vbits a, vbits b, vbits c)
{
    return (b & c) | ((b ^ c) & a);
}

BNN_INLINE vbits count_bits(vbits v)
{
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    v += v >> 8;
    v += v >> 16;
    return (v + (v >> 32)) & 0xff;
}

#include "peak/carry_save_impl.h"

const bnn_peak_loops bnn_peak_portable = {
    .count = PEAK_CARRY_SAVE, .floats = PEAK_FLOATS, .read = PEAK_READ};
