#include "pipeline/bell.h"

#include "core/clock.h"
#include "core/futex.h"

#include <limits.h>

/* How long a thread spins: to wake one that sleeps takes up to 50 µs. The clock is read every
 * LOOKS looks. */
enum { SPIN_NS = 100000, LOOKS = 32 };

static bool decided(bnn_finding found)
{
    return found == BNN_AWAKE || found == BNN_OVER;
}

static bnn_finding spin(bnn_look look, void *context)
{
    bnn_finding found = look(context);
    if (decided(found))
        return found;
    const uint64_t end = bnn_clock() + SPIN_NS;
    do {
        for (int i = 0; i < LOOKS; i++) {
            bnn_relax();
            found = look(context);
            if (decided(found))
                return found;
        }
    } while (bnn_clock() < end);
    return found;
}

static void sleep_until(bnn_bell *bell, uint32_t rings, uint64_t deadline)
{
    int64_t timeout = BNN_FOREVER;
    if (deadline != UINT64_MAX) {
        const uint64_t now = bnn_clock();
        const uint64_t rest = now < deadline ? deadline - now : 0;
        timeout = rest < INT64_MAX ? (int64_t)rest : INT64_MAX;
    }
    bnn_futex_wait(&bell->rings, rings, timeout);
}

bnn_finding bnn_bell_wait(bnn_bell *bell, bnn_look look, void *context, bool spins,
                          uint64_t deadline)
{
    for (;;) {
        bnn_finding found = spins ? spin(look, context) : look(context);
        const uint32_t rings = atomic_load(&bell->rings);
        for (bnn_finding before = BNN_AWAKE; !decided(found) && found != before;) {
            before = found;
            atomic_store(&bell->asleep, before);
            found = look(context);
        }
        const bool late = deadline != UINT64_MAX && bnn_clock() >= deadline;
        if (!decided(found) && !late)
            sleep_until(bell, rings, deadline);
        atomic_store(&bell->asleep, BNN_AWAKE);
        if (decided(found) || late)
            return found;
    }
}

bool bnn_bell_ring(bnn_bell *bell)
{
    if (atomic_load(&bell->asleep) == BNN_AWAKE ||
        atomic_exchange(&bell->asleep, BNN_AWAKE) == BNN_AWAKE)
        return false;
    atomic_fetch_add(&bell->rings, 1);
    bnn_futex_wake(&bell->rings, 1);
    return true;
}

void bnn_bell_alarm(bnn_bell *bell)
{
    atomic_fetch_add(&bell->rings, 1);
    bnn_futex_wake(&bell->rings, INT_MAX);
}
