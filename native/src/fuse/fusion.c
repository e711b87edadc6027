#include "fuse/fusion.h"

#include "core/error.h"
#include "core/kernel_base.h"

bnn_status bnn_fusion_check(const bnn_fusion *given, const char *owner, bnn_fusion *fusion)
{
    *fusion = given != NULL ? *given : (bnn_fusion){0};
    const bnn_pooling *pool = &fusion->pool;
    if ((fusion->thresholds == NULL) != (fusion->flips == NULL) ||
        (fusion->scales == NULL) != (fusion->biases == NULL))
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "%s: one of thresholds and flips, or of scales and biases, is missing",
                        owner);
    if (fusion->thresholds != NULL && fusion->scales != NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: bits cannot be scaled", owner);
    if (pool->height == 0 && pool->width == 0 && pool->stride_height == 0 &&
        pool->stride_width == 0 && pool->minimum == NULL)
        return BNN_OK;
    if (fusion->thresholds == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: only bits are pooled, so thresholds are missing",
                        owner);
    if (pool->height == 0 || pool->width == 0 || pool->stride_height < pool->height ||
        pool->stride_width < pool->width)
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "%s: a pooling window of %zu x %zu cannot move by %zu x %zu", owner,
                        pool->height, pool->width, pool->stride_height, pool->stride_width);
    return BNN_OK;
}

bnn_status bnn_product_check(const bnn_convolution *shape, const char *owner,
                             const bnn_fusion *fusion, const bnn_execution *execution,
                             bnn_product *product)
{
    bnn_status status = bnn_execution_check(execution, &product->isa);
    if (status == BNN_OK)
        status = bnn_geometry_create(shape, owner, &product->geometry);
    if (status == BNN_OK)
        status = bnn_fusion_check(fusion, owner, &product->fusion);
    return status;
}
