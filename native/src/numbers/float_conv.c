/* Float convolutions: packing of weights, and the walk over tiles. */
#include <stdlib.h>
#include <string.h>

#include "numbers/check.h"
#include "core/error.h"
#include "core/split.h"
#include "numbers/loops.h"

enum {
    WINDOW_VECTORS = 4,  /* of a block of filters, where there are windows that share them */
    STRIP_FLOATS = 4096, /* of input that stay in the first-level cache for all blocks */
    STRIP_WINDOWS = 24   /* a multiple of what most tiles take */
};

typedef struct {
    bnn_kernel base;
    bnn_conv conv;
    bnn_split split;
    int64_t strip; /* windows that all blocks are computed for in turn */
    bnn_conv_row run_row;
    int64_t batch;
    float *weight;
    float *bias;
} float_conv;

static int64_t smallest(int64_t a, int64_t b, int64_t c)
{
    const int64_t least = a < b ? a : b;
    return least < c ? least : c;
}

static void run_conv(const bnn_kernel *self, const bnn_call *call)
{
    const float_conv *kernel = (const float_conv *)self;
    const bnn_conv *conv = &kernel->conv;
    const int64_t width = conv->windows[1], windows = conv->windows[0] * width;
    const bnn_part part =
        bnn_split_part(kernel->split, call->thread, (size_t)kernel->batch, (size_t)windows,
                       (size_t)(conv->groups * conv->blocks));
    for (size_t image = part.x.begin; image < part.x.end; image++) {
        const int64_t at = (int64_t)image;
        const float *input =
            (const float *)call->inputs[0] + at * conv->height * conv->width * conv->channels;
        float *output = (float *)call->outputs[0] + at * windows * conv->filters;
        for (int64_t window = (int64_t)part.y.begin, end = (int64_t)part.y.end; window < end;) {
            const int64_t row = window / width, first = window % width;
            const int64_t last = smallest(width, first + kernel->strip, first + end - window);
            for (size_t block = part.z.begin; block < part.z.end; block++)
                kernel->run_row(conv, input, output, (int64_t)block, row, first, last);
            window += last - first;
        }
    }
}

static void destroy_conv(bnn_kernel *self)
{
    float_conv *kernel = (float_conv *)self;
    free(kernel->weight);
    free(kernel->bias);
    free(kernel);
}

/* Cut the filters of a group into blocks. Few vectors leave registers for windows, whose taps then
 * share the loads of weights; a single window adds to so many sums that additions do not wait.
 * Threads that share filters out want a block each. */
static void cut_blocks(bnn_conv *conv, const bnn_loops *loops, const bnn_execution *execution)
{
    const int64_t lanes = loops->lanes, wanted = execution->axes & BNN_Z ? execution->threads : 1;
    const int64_t vectors = (conv->filters / conv->groups + lanes - 1) / lanes;
    const int64_t most = conv->windows[1] == 1 ? BNN_CONV_VECTORS : WINDOW_VECTORS;
    int64_t blocks = (vectors + most - 1) / most;
    if (conv->groups * blocks < wanted)
        blocks = vectors < wanted ? vectors : wanted;
    conv->vectors = (int)((vectors + blocks - 1) / blocks);
    conv->blocks = (vectors + conv->vectors - 1) / conv->vectors;
    conv->last_vectors = (int)(vectors - (conv->blocks - 1) * conv->vectors);
    conv->group_lanes = vectors * lanes;
}

/* (filters, taps, inputs) to [group][block][tap and input][lane]; the rest stays 0. */
static void pack(float_conv *kernel, const float *weight, const float *bias, int64_t lanes)
{
    const bnn_conv *conv = &kernel->conv;
    const int64_t taps = conv->kernel[0] * conv->kernel[1] * conv->inputs;
    const int64_t per_group = conv->filters / conv->groups;
    for (int64_t filter = 0; filter < conv->filters; filter++) {
        const int64_t at = filter % per_group, lane = at % lanes;
        const int64_t start = filter / per_group * conv->group_lanes + at - lane;
        const int64_t left = conv->group_lanes - (at - lane), step = left < lanes ? left : lanes;
        for (int64_t tap = 0; tap < taps; tap++)
            kernel->weight[start * taps + tap * step + lane] = weight[filter * taps + tap];
        if (bias != NULL)
            kernel->bias[start + lane] = bias[filter] + 0.0f; /* sums are never -0 */
    }
}

/* A window of 1 x 1 that steps by 1 sees an image as one long row. */
static void flatten_image(bnn_conv *conv)
{
    for (int axis = 0; axis < 2; axis++)
        if (conv->kernel[axis] != 1 || conv->strides[axis] != 1 ||
            conv->windows[axis] != (axis == 0 ? conv->height : conv->width))
            return;
    conv->width *= conv->height;
    conv->windows[1] = conv->width;
    conv->height = conv->windows[0] = 1;
}

static bnn_status check_conv(const bnn_window_spec *spec, int64_t filters, int64_t groups,
                             const float *weight, int64_t windows[2])
{
    const char *what = "float convolution";
    bnn_status status = bnn_check_window(what, spec, windows);
    if (status == BNN_OK)
        status = bnn_check_pointer(what, weight);
    if (status == BNN_OK)
        status = bnn_check_extents(what, (int64_t[]){windows[0], windows[1], filters}, 3);
    if (status == BNN_OK && (groups < 1 || filters % groups || spec->channels % groups))
        status = bnn_fail(BNN_BAD_ARGUMENT, "%s: %lld groups do not divide %lld and %lld", what,
                          (long long)groups, (long long)filters, (long long)spec->channels);
    if (status == BNN_OK)
        status = bnn_check_extents(what,
                                   (int64_t[]){filters, spec->kernel[0], spec->kernel[1],
                                               spec->channels / groups},
                                   4);
    return status;
}

static bnn_status make_conv(const bnn_conv *geometry, int64_t batch, const float *weight,
                            const float *bias, const bnn_execution *execution,
                            bnn_kernel **kernel)
{
    const char *what = "float convolution";
    const bnn_loops *loops;
    bnn_status status = bnn_loops_choose(execution, &loops);
    if (status != BNN_OK)
        return status;
    float_conv *made = bnn_numbers_allocate(what, sizeof *made);
    if (made == NULL)
        return BNN_NO_MEMORY;
    made->conv = *geometry;
    made->batch = batch;
    bnn_conv *conv = &made->conv;
    const int depthwise = conv->groups == conv->channels && conv->groups == conv->filters;
    if (depthwise)
        conv->groups = 1; /* one group whose filters each have one input of their own */
    conv->inputs = depthwise ? 1 : conv->channels / conv->groups;
    flatten_image(conv);
    const int64_t windows = conv->windows[0] * conv->windows[1];
    int64_t lanes = BNN_DEPTHWISE_LANES;
    if (depthwise) {
        conv->blocks = (conv->filters + lanes - 1) / lanes;
        conv->group_lanes = conv->blocks * lanes;
    } else {
        cut_blocks(conv, loops, execution);
        lanes = conv->vectors * loops->lanes;
    }
    made->strip = conv->windows[1];
    if (conv->kernel[0] == 1 && conv->kernel[1] == 1)
        made->strip = (STRIP_FLOATS / conv->channels / STRIP_WINDOWS + 1) * STRIP_WINDOWS;
    const int64_t padded = conv->groups * conv->group_lanes;
    const int64_t taps = conv->kernel[0] * conv->kernel[1] * conv->inputs;
    made->weight = bnn_numbers_allocate(what, (size_t)(padded * taps) * sizeof(float));
    made->bias = bnn_numbers_allocate(what, (size_t)padded * sizeof(float));
    if (made->weight == NULL || made->bias == NULL) {
        destroy_conv(&made->base);
        return BNN_NO_MEMORY;
    }
    pack(made, weight, bias, lanes);
    conv->weight = made->weight;
    conv->bias = made->bias;
    made->run_row = depthwise ? loops->depthwise : loops->conv;
    made->split = bnn_split_choose(execution, (size_t)batch, (size_t)windows,
                                   (size_t)(conv->groups * conv->blocks));
    made->base = (bnn_kernel){.run = run_conv,
                              .destroy = destroy_conv,
                              .weight_bytes = (size_t)(padded * (taps + 1)) * sizeof(float),
                              .phases = 1,
                              .threads = execution->threads};
    *kernel = &made->base;
    return BNN_OK;
}

bnn_status bnn_float_conv_create(const bnn_window_spec *spec, int64_t filters, int64_t groups,
                                 const float *weight, const float *bias,
                                 const bnn_execution *execution, bnn_kernel **kernel)
{
    int64_t windows[2];
    bnn_status status = bnn_check_pointer("float convolution", kernel);
    if (status == BNN_OK)
        *kernel = NULL;
    if (status == BNN_OK)
        status = check_conv(spec, filters, groups, weight, windows);
    if (status == BNN_OK)
        status = bnn_check_pointer("float convolution", execution);
    if (status != BNN_OK)
        return status;
    const bnn_conv conv = {
        .height = spec->height,
        .width = spec->width,
        .channels = spec->channels,
        .windows = {windows[0], windows[1]},
        .kernel = {spec->kernel[0], spec->kernel[1]},
        .strides = {spec->strides[0], spec->strides[1]},
        .dilations = {spec->dilations[0], spec->dilations[1]},
        .pads = {spec->pads[0], spec->pads[1]},
        .filters = filters,
        .groups = groups,
    };
    return make_conv(&conv, spec->batch, weight, bias, execution, kernel);
}
