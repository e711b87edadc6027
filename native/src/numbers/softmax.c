#include <math.h>

#include "numbers/check.h"
#include "core/kernel_base.h"
#include "core/split.h"

typedef struct {
    bnn_kernel base;
    bnn_tensor_spec spec;
    bnn_split split;
    int logarithm;
} softmax;

static void run_row(const float *x, float *y, int64_t channels, int logarithm)
{
    float most = x[0];
    double sum = 0.0;
    for (int64_t i = 1; i < channels; i++)
        most = x[i] > most || x[i] != x[i] ? x[i] : most;
    for (int64_t i = 0; i < channels; i++) {
        y[i] = expf(x[i] - most);
        sum += (double)y[i];
    }
    const double subtracted = (double)most + log(sum);
    const float factor = (float)(1.0 / sum);
    for (int64_t i = 0; i < channels; i++)
        y[i] = logarithm ? (float)((double)x[i] - subtracted) : y[i] * factor;
}

static void run_softmax(const bnn_kernel *self, const bnn_call *call)
{
    const softmax *kernel = (const softmax *)self;
    const size_t pixels = (size_t)kernel->spec.pixels, channels = (size_t)kernel->spec.channels;
    const bnn_part part =
        bnn_split_part(kernel->split, call->thread, (size_t)kernel->spec.batch, pixels, 1);
    if (part.z.begin == part.z.end)
        return;
    for (size_t image = part.x.begin; image < part.x.end; image++)
        for (size_t pixel = part.y.begin; pixel < part.y.end; pixel++) {
            const size_t at = (image * pixels + pixel) * channels;
            run_row((const float *)call->inputs[0] + at, (float *)call->outputs[0] + at,
                    kernel->spec.channels, kernel->logarithm);
        }
}

bnn_status bnn_softmax_create(const bnn_tensor_spec *spec, int logarithm,
                              const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_check_pointer("softmax", kernel);
    if (status == BNN_OK)
        *kernel = NULL;
    if (status == BNN_OK)
        status = bnn_check_tensor("softmax", spec);
    if (status == BNN_OK)
        status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    softmax *made = bnn_numbers_allocate("softmax", sizeof *made);
    if (made == NULL)
        return BNN_NO_MEMORY;
    made->base = (bnn_kernel){.run = run_softmax,
                              .destroy = bnn_kernel_free,
                              .phases = 1,
                              .threads = execution->threads};
    made->spec = *spec;
    made->logarithm = logarithm;
    made->split =
        bnn_split_choose(execution, (size_t)spec->batch, (size_t)spec->pixels, 1);
    *kernel = &made->base;
    return BNN_OK;
}
