#include "numbers/loops.h"

#include "core/kernel_base.h"

bnn_status bnn_loops_choose(const bnn_execution *execution, const bnn_loops **loops)
{
    bnn_isa chosen;
    bnn_status status = bnn_execution_check(execution, &chosen);
    if (status != BNN_OK) return status;
    *loops = &bnn_loops_portable;
#if defined(__x86_64__)
    if (chosen == BNN_ISA_AVX2) *loops = &bnn_loops_avx2;
    if (chosen == BNN_ISA_AVX512 || chosen == BNN_ISA_AVX512BW) *loops = &bnn_loops_avx512bw;
#endif
    return BNN_OK;
}
