#include "threshold/threshold.h"

#include "threshold/limits.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/split.h"

#include <bnnplan/binary.h>

typedef struct {
    bnn_kernel base;
    bnn_own_limits limits;
    bnn_threshold_loop loop;
    size_t pixels, channels, element_bytes;
} threshold;

static size_t bytes_of(bnn_element element)
{
    return element == BNN_UINT8 || element == BNN_INT8 ? 1 : 4;
}

static void run(const bnn_kernel *kernel, const bnn_call *call)
{
    const threshold *self = (const threshold *)kernel;
    const bnn_range pixels =
        bnn_share(self->pixels, (size_t)call->thread, (size_t)call->threads);
    const char *from = (const char *)call->inputs[0] +
                       pixels.begin * self->channels * self->element_bytes;
    uint64_t *to = (uint64_t *)call->outputs[0] + pixels.begin * bnn_words(self->channels);
    self->loop(&self->limits.limits, from, to, pixels.end - pixels.begin);
}

static void destroy(bnn_kernel *kernel)
{
    bnn_limits_destroy(&((threshold *)kernel)->limits);
    free(kernel);
}

bnn_status bnn_threshold_create(size_t pixels, size_t channels, bnn_element element,
                                const void *thresholds, const uint8_t *flips,
                                const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    size_t elements = pixels;
    bnn_threshold_loop loop = bnn_threshold_select(isa, element);
    if (pixels < 1 || channels < 1 || !bnn_multiply(&elements, channels) || loop == NULL ||
        thresholds == NULL || flips == NULL || kernel == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "threshold: %zu pixels of %zu channels of element type %d cannot be, or "
                        "thresholds are missing",
                        pixels, channels, (int)element);
    threshold *self = bnn_allocate(sizeof *self);
    if (self == NULL ||
        !bnn_limits_create(&self->limits, channels, 1, element == BNN_FLOAT32, thresholds, flips)) {
        free(self);
        return bnn_fail(BNN_NO_MEMORY, "no memory for %zu thresholds", channels);
    }
    if (bytes_of(element) == 1)
        bnn_limits_narrow(&self->limits, element == BNN_INT8);
    self->base = (bnn_kernel){
        .run = run,
        .destroy = destroy,
        .weight_bytes = self->limits.bytes,
        .phases = 1,
        .threads = execution->threads,
    };
    self->loop = loop;
    self->pixels = pixels;
    self->channels = channels;
    self->element_bytes = bytes_of(element);
    *kernel = &self->base;
    return BNN_OK;
}
