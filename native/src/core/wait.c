#include "core/wait.h"

#include "core/futex.h"

#include <limits.h>

/* Some 20 to 80 µs: longer than the wait for a fellow thread in most layers, short enough that
 * threads waiting for a core that others use give up the one they have. */
enum { SPINS = 2000 };

void bnn_signal_wait(bnn_signal *signal, uint32_t old)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&signal->value, memory_order_acquire) != old)
            return;
        bnn_relax();
    }
    /* Sequentially consistent with bnn_signal_raise: either the raiser sees the sleeper, or the
     * sleeper sees the new value. */
    atomic_fetch_add(&signal->sleepers, 1);
    while (atomic_load(&signal->value) == old)
        bnn_futex_wait(&signal->value, old, BNN_FOREVER);
    atomic_fetch_sub(&signal->sleepers, 1);
}

void bnn_signal_raise(bnn_signal *signal)
{
    atomic_fetch_add(&signal->value, 1);
    if (atomic_load(&signal->sleepers) != 0)
        bnn_futex_wake(&signal->value, INT_MAX);
}
