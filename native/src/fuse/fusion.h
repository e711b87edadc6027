/* What is fused behind products: the checks that all of them share. */
#ifndef BNNPLAN_FUSE_FUSION_H
#define BNNPLAN_FUSE_FUSION_H

#include "core/geometry.h"

#include <bnnplan/binary.h>

/* Check what is fused behind the product of `owner`, and copy it; `given` may be NULL. */
bnn_status bnn_fusion_check(const bnn_fusion *given, const char *owner, bnn_fusion *fusion);

/* What every product in a sliding window is made from, checked. */
typedef struct {
    bnn_isa isa;
    bnn_geometry geometry;
    bnn_fusion fusion;
} bnn_product;

bnn_status bnn_product_check(const bnn_convolution *shape, const char *owner,
                             const bnn_fusion *fusion, const bnn_execution *execution,
                             bnn_product *product);

#endif
