/* What all create functions do alike. */
#ifndef BNNPLAN_CORE_KERNEL_BASE_H
#define BNNPLAN_CORE_KERNEL_BASE_H

#include <bnnplan/isa.h>

/* Check an execution and choose its instruction set. */
bnn_status bnn_execution_check(const bnn_execution *execution, bnn_isa *isa);

/* destroy() of kernels that are one block of memory. */
void bnn_kernel_free(bnn_kernel *kernel);

#endif
