/* Thresholds as users give them, made ready for comparison. */
#ifndef BNNPLAN_THRESHOLD_LIMITS_H
#define BNNPLAN_THRESHOLD_LIMITS_H

#include "threshold/threshold.h"

#include <stdbool.h>

/* Limits and the memory that they stand in. */
typedef struct {
    bnn_limits limits;
    size_t bytes;
    void *memory;
} bnn_own_limits;

/* Room for a multiple of `padding` channels; those beyond `channels` never give bit 1. False if
 * memory is lacking. NaN thresholds are never reached. */
bool bnn_limits_create(bnn_own_limits *own, size_t channels, size_t padding, bool is_float,
                       const void *thresholds, const uint8_t *flips);

/* Limits of integers become those of bytes, and no longer serve wider integers. */
void bnn_limits_narrow(bnn_own_limits *own, bool is_signed);

void bnn_limits_destroy(bnn_own_limits *own);

#endif
