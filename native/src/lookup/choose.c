#include "lookup/choose.h"

#include "conv/depthwise.h"
#include "core/error.h"
#include "core/memory.h"

/* Where look-up begins to be faster than counting: with a pair of outputs, and half a vector of
 * filters. */
enum { LEAST_OUTPUTS = 2, LEAST_FILTERS = 16 };

size_t bnn_lookup_merged(const bnn_convolution *shape)
{
    const size_t filters = shape->filters / shape->groups;
    const bool whole = shape->channels / shape->groups % BNN_LOOKUP_GROUP == 0;
    size_t merged = 1;
    for (size_t count = 2; whole && count <= shape->groups; count++)
        if (shape->groups % count == 0 && count * filters <= BNN_LOOKUP_BLOCK)
            merged = count;
    return merged;
}

int bnn_lookup_fits(const bnn_convolution *shape)
{
    if (shape == NULL || shape->groups == 0 || bnn_is_depthwise(shape))
        return 0;
    size_t taps = shape->channels / shape->groups;
    return bnn_multiply(&taps, shape->kernel_height) && bnn_multiply(&taps, shape->kernel_width) &&
           taps <= BNN_LOOKUP_MOST_TAPS;
}

bnn_status bnn_lookup_choose(const bnn_execution *execution, bnn_isa isa,
                             const bnn_convolution *shape, size_t outputs,
                             const bnn_lookup_kernels **kernels)
{
    const bool fits = bnn_lookup_fits(shape);
    const size_t filters =
        fits ? shape->filters / shape->groups * bnn_lookup_merged(shape) : 0;
    *kernels = bnn_lookup_select(isa);
    if (execution->method == BNN_METHOD_LOOKUP && (*kernels == NULL || !fits))
        return bnn_fail(BNN_UNSUPPORTED,
                        "a product by look-up is wanted, which instruction set %s or this layer "
                        "has not",
                        bnn_isa_name(isa));
    if (execution->method == BNN_METHOD_COUNT ||
        (execution->method == BNN_METHOD_BEST &&
         (!fits || outputs < LEAST_OUTPUTS || filters < LEAST_FILTERS)))
        *kernels = NULL;
    return BNN_OK;
}
