/* The time. */
#ifndef BNNPLAN_CORE_CLOCK_H
#define BNNPLAN_CORE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bnn_clock(void);

#endif
