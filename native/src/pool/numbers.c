/* Pooling of numbers. */
#include <stdlib.h>
#include <string.h>

#include "numbers/check.h"
#include "core/error.h"
#include "core/split.h"
#include "numbers/loops.h"

typedef struct {
    bnn_kernel base;
    bnn_window_spec spec;
    bnn_split split;
    const bnn_loops *loops;
    bnn_pool_loop loop;
    int64_t windows[2];
    size_t input_bytes;
    size_t output_bytes;
    uint8_t *minimum;
    int count_pads;
} pool;

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* First and last + 1 of the taps of window `index` that lie inside the input. */
static void clip_taps(const bnn_window_spec *spec, int axis, int64_t index, int64_t extent,
                      int64_t taps[2])
{
    const int64_t start = index * spec->strides[axis] - spec->pads[axis];
    const int64_t end = start + spec->kernel[axis];
    taps[0] = start > 0 ? start : 0;
    taps[1] = end < extent ? end : extent;
}

/* Windows first .. last - 1 of one row of windows: those whose taps all lie inside go together. */
static void run_row(const pool *kernel, const bnn_call *call, int64_t image, int64_t row,
                    int64_t first, int64_t last, int64_t channel, int64_t count)
{
    const bnn_window_spec *spec = &kernel->spec;
    int64_t rows[2], columns[2];
    clip_taps(spec, 0, row, spec->height, rows);
    for (int64_t column = first, windows; column < last; column += windows) {
        clip_taps(spec, 1, column, spec->width, columns);
        windows = 1;
        if (columns[1] - columns[0] == spec->kernel[1])
            windows += smaller(last - column - 1, (spec->width - columns[1]) / spec->strides[1]);
        const int64_t source = ((image * spec->height + rows[0]) * spec->width + columns[0]);
        const int64_t target = (image * kernel->windows[0] + row) * kernel->windows[1] + column;
        const size_t from = (size_t)(source * spec->channels + channel);
        const size_t to = (size_t)(target * spec->channels + channel);
        const int64_t taps = (rows[1] - rows[0]) * (columns[1] - columns[0]);
        kernel->loop(&(bnn_pool_row){
            .input = (const char *)call->inputs[0] + from * kernel->input_bytes,
            .output = (char *)call->outputs[0] + to * kernel->output_bytes,
            .minimum = kernel->minimum == NULL ? NULL : kernel->minimum + channel,
            .windows = windows,
            .window_stride = spec->strides[1] * spec->channels,
            .rows = rows[1] - rows[0],
            .columns = columns[1] - columns[0],
            .row_stride = spec->width * spec->channels,
            .column_stride = spec->channels,
            .channels = spec->channels,
            .count = count,
            .divisor = (float)(kernel->count_pads ? spec->kernel[0] * spec->kernel[1] : taps),
        });
    }
}

static size_t units(const bnn_window_spec *spec)
{
    return (size_t)((spec->channels + BNN_UNIT - 1) / BNN_UNIT);
}

static void run_pool(const bnn_kernel *self, const bnn_call *call)
{
    const pool *kernel = (const pool *)self;
    const bnn_part part = bnn_split_part(kernel->split, call->thread, (size_t)kernel->spec.batch,
                                         (size_t)(kernel->windows[0] * kernel->windows[1]),
                                         units(&kernel->spec));
    const int64_t first = (int64_t)part.z.begin * BNN_UNIT, channels = kernel->spec.channels;
    const int64_t last = smaller((int64_t)part.z.end * BNN_UNIT, channels);
    const int64_t width = kernel->windows[1], end = (int64_t)part.y.end;
    if (first >= last)
        return;
    for (size_t image = part.x.begin; image < part.x.end; image++)
        for (int64_t window = (int64_t)part.y.begin; window < end;) {
            const int64_t left = window % width, right = smaller(width, left + end - window);
            run_row(kernel, call, (int64_t)image, window / width, left, right, first,
                    last - first);
            window += right - left;
        }
}

static void destroy_pool(bnn_kernel *self)
{
    free(((pool *)self)->minimum);
    free(self);
}

/* Every window must hold an element: pads are smaller than the kernel, which is not dilated. */
static bnn_status check_pool(const char *what, const bnn_window_spec *spec, int64_t windows[2])
{
    bnn_status status = bnn_check_window(what, spec, windows);
    for (int i = 0; i < 4 && status == BNN_OK; i++)
        if (spec->pads[i] >= spec->kernel[i % 2] || spec->dilations[i % 2] != 1)
            status = bnn_fail(BNN_BAD_ARGUMENT,
                              "%s: pads must be smaller than the kernel, dilations 1", what);
    return status;
}

static bnn_status new_pool(const char *what, const bnn_window_spec *spec,
                           const bnn_execution *execution, bnn_kernel **kernel, pool **made)
{
    int64_t windows[2];
    const bnn_loops *loops;
    bnn_status status = bnn_check_pointer(what, kernel);
    if (status == BNN_OK)
        *kernel = NULL;
    if (status == BNN_OK)
        status = check_pool(what, spec, windows);
    if (status == BNN_OK)
        status = bnn_loops_choose(execution, &loops);
    if (status != BNN_OK)
        return status;
    pool *created = bnn_numbers_allocate(what, sizeof *created);
    if (created == NULL)
        return BNN_NO_MEMORY;
    created->base = (bnn_kernel){.run = run_pool,
                                 .destroy = destroy_pool,
                                 .phases = 1,
                                 .threads = execution->threads};
    created->loops = loops;
    created->spec = *spec;
    memcpy(created->windows, windows, sizeof windows);
    created->split = bnn_split_choose(execution, (size_t)spec->batch,
                                      (size_t)(windows[0] * windows[1]), units(spec));
    *made = created;
    return BNN_OK;
}

/* Choose the loop, and hand the kernel over or destroy it. */
static bnn_status finish(const char *what, pool *made, bnn_element element, int average,
                         bnn_kernel **kernel)
{
    if ((unsigned)element < BNN_ELEMENTS)
        made->loop = (average ? made->loops->average_pool : made->loops->max_pool)[element];
    if (made->loop == NULL) {
        destroy_pool(&made->base);
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: cannot take elements of code %d", what,
                        (int)element);
    }
    made->input_bytes = bnn_element_bytes(element);
    made->output_bytes = average ? sizeof(float) : made->input_bytes;
    *kernel = &made->base;
    return BNN_OK;
}

bnn_status bnn_number_max_pool_create(const bnn_window_spec *spec, bnn_element element,
                                      const uint8_t *minimum, const bnn_execution *execution,
                                      bnn_kernel **kernel)
{
    pool *made;
    bnn_status status = new_pool("max pool", spec, execution, kernel, &made);
    if (status != BNN_OK)
        return status;
    if (minimum != NULL) {
        made->base.weight_bytes = (size_t)spec->channels;
        made->minimum = bnn_numbers_allocate("max pool", made->base.weight_bytes);
        if (made->minimum == NULL) {
            destroy_pool(&made->base);
            return BNN_NO_MEMORY;
        }
        memcpy(made->minimum, minimum, made->base.weight_bytes);
    }
    return finish("max pool", made, element, 0, kernel);
}

bnn_status bnn_average_pool_create(const bnn_window_spec *spec, bnn_element input, int count_pads,
                                   const bnn_execution *execution, bnn_kernel **kernel)
{
    pool *made;
    bnn_status status = new_pool("average pool", spec, execution, kernel, &made);
    if (status != BNN_OK)
        return status;
    made->count_pads = count_pads;
    return finish("average pool", made, input, 1, kernel);
}
