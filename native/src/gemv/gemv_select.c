#include "gemv/gemv.h"

static const bnn_gemv_kernels *of(bnn_isa isa)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512)
        return &bnn_gemv_avx512;
    if (isa == BNN_ISA_AVX512BW)
        return &bnn_gemv_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_gemv_avx2;
#endif
    (void)isa;
    return NULL;
}

const bnn_gemv_kernels *bnn_gemv_select(bnn_isa isa, size_t vectors, size_t filters)
{
    const bnn_gemv_kernels *kernels = of(isa);
    const bool fits = kernels != NULL && vectors <= kernels->most_vectors &&
                      filters >= kernels->least_filters;
    return fits ? kernels : NULL;
}
