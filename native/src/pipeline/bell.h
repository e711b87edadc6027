/* How one thread waits for others: it looks for a while, then sleeps until its bell is rung.
 *
 * Who waits says that it is asleep, and looks once more before it sleeps. Who changes something
 * looks whether those are asleep whom that concerns. Both are sequentially consistent: either of
 * them sees the other.
 */
#ifndef BNNPLAN_PIPELINE_BELL_H
#define BNNPLAN_PIPELINE_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a look finds. */
typedef enum {
    BNN_AWAKE = 0, /* there is something to do */
    BNN_OVER,      /* there never will be */
    BNN_FOR_TURNS, /* other stages have to end turns */
    BNN_FOR_FRAMES /* frames are missing; of the caller: frames or slots */
} bnn_finding;

typedef bnn_finding (*bnn_look)(void *context);

/* Of one thread at a time, alone on its cache line. */
typedef struct {
    _Alignas(64) _Atomic uint32_t rings;
    _Atomic uint32_t asleep;  /* bnn_finding that its thread sleeps on, or BNN_AWAKE */
    _Atomic uint64_t wanted; /* of the caller: the count that it waits for */
} bnn_bell;

/* Wait until a look finds BNN_AWAKE or BNN_OVER, or the clock shows `deadline`; what it found last. */
bnn_finding bnn_bell_wait(bnn_bell *bell, bnn_look look, void *context, bool spins,
                          uint64_t deadline);

/* Wake the thread if it sleeps; returns whether it did. */
bool bnn_bell_ring(bnn_bell *bell);

/* Make the thread look again in any case. */
void bnn_bell_alarm(bnn_bell *bell);

#endif
