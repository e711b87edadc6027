/* The cores that threads are kept on. The includer defines _GNU_SOURCE. */
#ifndef BNNPLAN_CORE_CORES_H
#define BNNPLAN_CORE_CORES_H

#include <bnnplan/kernel.h>
#include <sched.h>

/* A set of cores; fails if the calling thread may not use one of them, or one stands there twice.
 * `what` is kept on them, for the message. */
bnn_status bnn_read_cores(const int *cores, size_t count, const char *what, cpu_set_t *set);

#endif
