/* Waiting for a 32-bit word to change: a bounded spin, then sleep in the kernel. */
#ifndef BNNPLAN_CORE_WAIT_H
#define BNNPLAN_CORE_WAIT_H

#include <stdatomic.h>
#include <stdint.h>

/* A counter that threads wait on, alone on its cache line. */
typedef struct {
    _Alignas(64) _Atomic uint32_t value;
    _Atomic uint32_t sleepers;
} bnn_signal;

/* Return once the value differs from `old`. */
void bnn_signal_wait(bnn_signal *signal, uint32_t old);

/* Add one to the value and wake whoever sleeps. */
void bnn_signal_raise(bnn_signal *signal);

#endif
