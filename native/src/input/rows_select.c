#include "input/rows.h"

const bnn_input_loops *bnn_input_select(bnn_isa isa)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512)
        return &bnn_input_avx512;
    if (isa == BNN_ISA_AVX512BW)
        return &bnn_input_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_input_avx2;
#elif defined(__aarch64__) || defined(__arm__)
    if (isa == BNN_ISA_NEON)
        return &bnn_input_neon;
#endif
    (void)isa;
    return &bnn_input_portable;
}
