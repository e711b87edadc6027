#include "fuse/scale.h"

#include "core/memory.h"

bool bnn_fused_scale_create(bnn_fused_scale *scale, const bnn_fusion *fusion, size_t filters,
                            bnn_element sums, const bnn_execution *execution)
{
    const bnn_loops *loops;
    *scale = (bnn_fused_scale){.filters = filters};
    if (fusion->scales == NULL)
        return true;
    const size_t bytes = filters * sizeof *scale->scales;
    scale->scales = bnn_allocate(2 * bytes);
    if (scale->scales == NULL || bnn_loops_choose(execution, &loops) != BNN_OK)
        return false;
    scale->biases = scale->scales + filters;
    memcpy(scale->scales, fusion->scales, bytes);
    memcpy(scale->biases, fusion->biases, bytes);
    scale->loop = loops->scale_in_place[sums];
    return true;
}

void bnn_fused_scale_destroy(bnn_fused_scale *scale)
{
    free(scale->scales);
}

size_t bnn_fused_scale_bytes(const bnn_fused_scale *scale)
{
    return scale->loop != NULL ? 2 * scale->filters * sizeof *scale->scales : 0;
}

void bnn_fused_scale_run(const bnn_fused_scale *scale, void *sums, size_t pixels, size_t filter,
                         size_t count)
{
    if (scale->loop == NULL)
        return;
    const bnn_run run = {
        .output = sums,
        .first = scale->scales + filter,
        .second = scale->biases + filter,
        .rows = (int64_t)pixels,
        .count = (int64_t)count,
        .stride = (int64_t)scale->filters,
    };
    scale->loop(&run);
}
