/* What is fused behind products: the checks that all of them share. */
#ifndef BNNPLAN_FUSE_FUSION_H
#define BNNPLAN_FUSE_FUSION_H

#include <bnnplan/binary.h>

/* Check what is fused behind the product of `owner`, and copy it; `given` may be NULL. */
bnn_status bnn_fusion_check(const bnn_fusion *given, const char *owner, bnn_fusion *fusion);

#endif
