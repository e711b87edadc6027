/* Binary dense layers by look-up. */
#ifndef BNNPLAN_GEMM_LOOKUP_H
#define BNNPLAN_GEMM_LOOKUP_H

#include "lookup/product.h"

#include <bnnplan/binary.h>

/* Arguments as bnn_binary_dense_create() takes them, already checked. */
bnn_status bnn_lookup_dense_create(size_t batch, size_t channels, size_t filters,
                                   const int8_t *weights, const bnn_fusion *fusion,
                                   const bnn_execution *execution,
                                   const bnn_lookup_kernels *kernels, bnn_kernel **kernel);

#endif
