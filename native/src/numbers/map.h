/* Kernels that treat every element alone: what they share, and how their work is cut into runs. */
#ifndef BNNPLAN_NUMBERS_MAP_H
#define BNNPLAN_NUMBERS_MAP_H

#include "core/split.h"
#include "numbers/loops.h"

typedef struct {
    bnn_kernel base;
    const bnn_loops *loops;
    bnn_map_loop loop;
    bnn_tensor_spec spec;
    bnn_split split;
    bnn_element input;
    int inputs;     /* number of tensors read */
    int64_t period; /* elements that one row of parameters serves; 0 without parameters */
    bnn_run run;    /* parameters and constants of every run */
    float *parameters;
} bnn_map;

/* Make a kernel with room for `rows` rows of parameters per channel, all still 0. The loop is
 * left to choose from map->loops. */
bnn_status bnn_map_new(const char *what, const bnn_tensor_spec *spec, bnn_element input,
                       int64_t rows, const bnn_execution *execution, bnn_map **map);

/* Fill a row of parameters: values of the channels, every `step`-th float, as often as they fit. */
void bnn_map_fill(bnn_map *map, int64_t row, const float *values, int64_t step);

#endif
