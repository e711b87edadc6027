#include "numbers/map.h"

#include "numbers/check.h"
#include "core/memory.h"

enum {
    WORD = 64,
    SHORTEST_RUN = 64, /* fewer channels repeat their parameters, so that vectors are full */
    PAST_THE_END = 64  /* bytes: loops may load a whole vector where fewer parameters are left */
};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Run `rows` whole or partial pixels from pixel number `row`, channels `first` .. `last` - 1. */
static void run_rows(const bnn_map *map, const bnn_call *call, int64_t row, int64_t rows,
                     int64_t first, int64_t last)
{
    const int64_t channels = map->spec.channels, words = (channels + WORD - 1) / WORD;
    const int64_t at = row * channels + first;
    const size_t bytes = bnn_element_bytes(map->input);
    bnn_run run = map->run;
    run.rows = rows;
    run.count = last - first;
    run.stride = channels;
    run.words = words;
    for (int i = 0; i < map->inputs; i++)
        run.inputs[i] = map->input == BNN_BIT
                            ? (const void *)((const uint64_t *)call->inputs[i] + row * words +
                                             first / WORD)
                            : (const char *)call->inputs[i] + (size_t)at * bytes;
    run.output = (float *)call->outputs[0] + at;
    if (map->period == 0 && run.count == channels) {
        run.count = rows * channels;
        run.rows = 1;
    } else if (map->period > channels && run.count == channels) {
        run.rows = rows * channels / map->period;
        run.count = run.stride = map->period;
        map->loop(&run);
        const int64_t done = run.rows * map->period;
        run.inputs[0] = (const char *)run.inputs[0] + (size_t)done * bytes;
        run.output = (float *)run.output + done;
        run.rows = 1;
        run.count = rows * channels - done;
    } else if (map->period > 0) {
        run.first += first;
        run.second += first;
    }
    map->loop(&run);
}

static void run_map(const bnn_kernel *self, const bnn_call *call)
{
    const bnn_map *map = (const bnn_map *)self;
    const int64_t unit = map->input == BNN_BIT ? WORD : BNN_UNIT;
    const int64_t pixels = map->spec.pixels, channels = map->spec.channels;
    const bnn_part part =
        bnn_split_part(map->split, call->thread, (size_t)map->spec.batch, (size_t)pixels,
                       (size_t)((channels + unit - 1) / unit));
    const int64_t first = (int64_t)part.z.begin * unit;
    const int64_t last = smaller((int64_t)part.z.end * unit, channels);
    const int64_t rows = (int64_t)(part.y.end - part.y.begin);
    const int64_t images = (int64_t)(part.x.end - part.x.begin);
    if (first >= last || rows == 0)
        return;
    if (rows == pixels) {
        if (images > 0)
            run_rows(map, call, (int64_t)part.x.begin * pixels, images * pixels, first, last);
        return;
    }
    for (int64_t image = (int64_t)part.x.begin; image < (int64_t)part.x.end; image++)
        run_rows(map, call, image * pixels + (int64_t)part.y.begin, rows, first, last);
}

static void destroy_map(bnn_kernel *self)
{
    free(((bnn_map *)self)->parameters);
    free(self);
}

bnn_status bnn_map_new(const char *what, const bnn_tensor_spec *spec, bnn_element input,
                       int64_t rows, const bnn_execution *execution, bnn_map **made)
{
    const bnn_loops *loops;
    bnn_status status = bnn_check_tensor(what, spec);
    if (status == BNN_OK)
        status = bnn_loops_choose(execution, &loops);
    if (status != BNN_OK)
        return status;
    const int64_t channels = spec->channels, unit = input == BNN_BIT ? WORD : BNN_UNIT;
    int64_t repeats = 1;
    if (rows > 0 && input != BNN_BIT && channels < SHORTEST_RUN)
        repeats = (SHORTEST_RUN + channels - 1) / channels;
    const size_t bytes = (size_t)(rows * repeats * channels) * sizeof(float);
    bnn_map *map = bnn_numbers_allocate(what, sizeof *map);
    float *parameters = bnn_numbers_allocate(what, bytes + PAST_THE_END);
    if (map == NULL || parameters == NULL) {
        free(map);
        free(parameters);
        return BNN_NO_MEMORY;
    }
    map->base = (bnn_kernel){.run = run_map,
                             .destroy = destroy_map,
                             .weight_bytes = bytes,
                             .phases = 1,
                             .threads = execution->threads};
    map->loops = loops;
    map->spec = *spec;
    map->split = bnn_split_choose(execution, (size_t)spec->batch, (size_t)spec->pixels,
                                  (size_t)((channels + unit - 1) / unit));
    map->input = input;
    map->inputs = 1;
    map->period = rows > 0 ? repeats * channels : 0;
    map->parameters = parameters;
    map->run.first = map->run.second = parameters;
    map->run.pitch = map->period;
    *made = map;
    return BNN_OK;
}

void bnn_map_fill(bnn_map *map, int64_t row, const float *values, int64_t step)
{
    for (int64_t i = 0; i < map->period; i++)
        map->parameters[row * map->period + i] = values[i % map->spec.channels * step];
}
