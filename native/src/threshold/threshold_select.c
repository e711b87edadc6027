#include "threshold/threshold.h"

static const bnn_threshold_loops *loops_of(bnn_isa isa)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512 || isa == BNN_ISA_AVX512BW)
        return &bnn_threshold_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_threshold_avx2;
#elif defined(__aarch64__) || defined(__arm__)
    if (isa == BNN_ISA_NEON)
        return &bnn_threshold_neon;
#endif
    (void)isa;
    return &bnn_threshold_portable;
}

bnn_threshold_loop bnn_threshold_select(bnn_isa isa, bnn_element element)
{
    const bnn_threshold_loops *loops = loops_of(isa);
    switch (element) {
    case BNN_UINT8:
    case BNN_INT8: return loops->bytes;
    case BNN_INT32: return loops->int32;
    case BNN_FLOAT32: return loops->float32;
    case BNN_BIT: break;
    }
    return NULL;
}
