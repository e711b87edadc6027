#include "count/rows.h"

const bnn_row_kernels *bnn_rows_select(bnn_isa isa)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512)
        return &bnn_rows_avx512;
    if (isa == BNN_ISA_AVX512BW)
        return &bnn_rows_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_rows_avx2;
#elif defined(__aarch64__) || defined(__arm__)
    if (isa == BNN_ISA_NEON)
        return &bnn_rows_neon;
#endif
    (void)isa;
    return &bnn_rows_portable;
}
