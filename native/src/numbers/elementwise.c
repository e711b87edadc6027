/* Makers of the kernels that treat every element alone. */
#include "numbers/check.h"
#include "core/error.h"
#include "numbers/map.h"

static const bnn_element number = BNN_FLOAT32;

/* The checks before a kernel is made: pointers, and an element type that has a loop. */
static bnn_status check(const char *what, bnn_kernel **kernel, const void *first,
                        const void *second, const bnn_map_loop *loops, bnn_element element)
{
    if (kernel == NULL || first == NULL || second == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: an argument is NULL", what);
    *kernel = NULL;
    if ((unsigned)element >= BNN_ELEMENTS || loops[element] == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: cannot take elements of code %d", what,
                        (int)element);
    return BNN_OK;
}

static bnn_status finish(bnn_map *map, bnn_map_loop loop, bnn_kernel **kernel)
{
    map->loop = loop;
    *kernel = &map->base;
    return BNN_OK;
}

bnn_status bnn_scale_bias_create(const bnn_tensor_spec *spec, bnn_element input,
                                 const float *scale, const float *bias,
                                 const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_map *map;
    bnn_status status =
        check("scale and bias", kernel, scale, bias, bnn_loops_portable.scale_bias, input);
    if (status == BNN_OK)
        status = bnn_map_new("scale and bias", spec, input, 2, execution, &map);
    if (status != BNN_OK)
        return status;
    bnn_map_fill(map, 0, scale, 1);
    bnn_map_fill(map, 1, bias, 1);
    float *first = map->parameters, *second = first + map->period;
    for (int64_t i = 0; i < map->period && input == BNN_BIT; i++) {
        const float plus = first[i] + second[i], minus = -first[i] + second[i];
        first[i] = plus;
        second[i] = minus;
    }
    map->run.second = second;
    return finish(map, map->loops->scale_bias[input], kernel);
}

bnn_status bnn_prelu_create(const bnn_tensor_spec *spec, const float *slope,
                            const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_map *map;
    bnn_status status =
        check("PReLU", kernel, slope, slope, bnn_loops_portable.scale_bias, number);
    if (status == BNN_OK)
        status = bnn_map_new("PReLU", spec, number, 1, execution, &map);
    if (status != BNN_OK)
        return status;
    bnn_map_fill(map, 0, slope, 1);
    return finish(map, map->loops->prelu, kernel);
}

static bnn_status check_bounds(const char *what, float low, float high)
{
    if (low <= high)
        return BNN_OK;
    return bnn_fail(BNN_BAD_ARGUMENT, "%s: low %g exceeds high %g", what, (double)low,
                    (double)high);
}

bnn_status bnn_clip_create(const bnn_tensor_spec *spec, float low, float high,
                           const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_map *map;
    bnn_status status = check("clip", kernel, spec, spec, bnn_loops_portable.scale_bias, number);
    if (status == BNN_OK)
        status = check_bounds("clip", low, high);
    if (status == BNN_OK)
        status = bnn_map_new("clip", spec, number, 0, execution, &map);
    if (status != BNN_OK)
        return status;
    map->run.low = low;
    map->run.high = high;
    return finish(map, map->loops->clip, kernel);
}

bnn_status bnn_quantize_create(const bnn_tensor_spec *spec, const float *scale, const float *zero,
                               float low, float high, bnn_rounding rounding,
                               const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_map *map;
    bnn_status status =
        check("quantize", kernel, scale, zero, bnn_loops_portable.scale_bias, number);
    if (status == BNN_OK)
        status = check_bounds("quantize", low, high);
    if (status == BNN_OK && (unsigned)rounding >= BNN_ROUNDINGS)
        status = bnn_fail(BNN_BAD_ARGUMENT, "quantize: no rounding of code %d", (int)rounding);
    if (status == BNN_OK)
        status = bnn_map_new("quantize", spec, number, 2, execution, &map);
    if (status != BNN_OK)
        return status;
    bnn_map_fill(map, 0, scale, 1);
    bnn_map_fill(map, 1, zero, 1);
    map->run.second = map->parameters + map->period;
    map->run.low = low;
    map->run.high = high;
    return finish(map, map->loops->quantize[rounding], kernel);
}

bnn_status bnn_multi_threshold_create(const bnn_tensor_spec *spec, bnn_element input,
                                      const float *thresholds, int64_t steps, float scale,
                                      float bias, const bnn_execution *execution,
                                      bnn_kernel **kernel)
{
    bnn_map *map;
    bnn_status status = check("multi-threshold", kernel, thresholds, thresholds,
                              bnn_loops_portable.multi_threshold, input);
    if (status == BNN_OK)
        status = bnn_check_tensor("multi-threshold", spec);
    if (status == BNN_OK)
        status = bnn_check_extents("multi-threshold", (int64_t[]){spec->channels, steps}, 2);
    if (status == BNN_OK)
        status = bnn_map_new("multi-threshold", spec, input, steps, execution, &map);
    if (status != BNN_OK)
        return status;
    for (int64_t step = 0; step < steps; step++)
        bnn_map_fill(map, step, thresholds + step, steps);
    map->run.steps = steps;
    map->run.low = scale;
    map->run.high = bias;
    return finish(map, map->loops->multi_threshold[input], kernel);
}

bnn_status bnn_add_create(const bnn_tensor_spec *spec, bnn_element element,
                          const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_map *map;
    bnn_status status = check("add", kernel, spec, spec, bnn_loops_portable.add, element);
    if (status == BNN_OK)
        status = bnn_map_new("add", spec, element, 0, execution, &map);
    if (status != BNN_OK)
        return status;
    map->inputs = 2;
    return finish(map, map->loops->add[element], kernel);
}
