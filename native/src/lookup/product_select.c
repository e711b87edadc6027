#include "lookup/product.h"

const bnn_lookup_kernels *bnn_lookup_select(bnn_isa isa)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512BW)
        return &bnn_lookup_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_lookup_avx2;
#endif
    (void)isa;
    return NULL;
}
