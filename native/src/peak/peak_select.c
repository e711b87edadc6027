#include "peak/loops.h"

const bnn_peak_loops *bnn_peak_select(bnn_isa isa)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512)
        return &bnn_peak_avx512;
    if (isa == BNN_ISA_AVX512BW)
        return &bnn_peak_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_peak_avx2;
#elif defined(__aarch64__) || defined(__arm__)
    if (isa == BNN_ISA_NEON)
        return &bnn_peak_neon;
#endif
    (void)isa;
    return &bnn_peak_portable;
}
