#define _GNU_SOURCE
#include "core/wait.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Some 20 to 80 µs: longer than the wait for a fellow thread in most layers, short enough that
 * threads waiting for a core that others use give up the one they have. */
enum { SPINS = 2000 };

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

void bnn_signal_wait(bnn_signal *signal, uint32_t old)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&signal->value, memory_order_acquire) != old)
            return;
        relax();
    }
    /* Sequentially consistent with bnn_signal_raise: either the raiser sees the sleeper, or the
     * sleeper sees the new value. */
    atomic_fetch_add(&signal->sleepers, 1);
    while (atomic_load(&signal->value) == old)
        syscall(SYS_futex, &signal->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&signal->sleepers, 1);
}

void bnn_signal_raise(bnn_signal *signal)
{
    atomic_fetch_add(&signal->value, 1);
    if (atomic_load(&signal->sleepers) != 0)
        syscall(SYS_futex, &signal->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
