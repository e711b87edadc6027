#define _GNU_SOURCE
#include "core/futex.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000 };

/* Machines of 32 bits have a second call for times of 64, which their C library may or may not
 * use. */
static long number(void)
{
#ifdef SYS_futex_time64
    if (sizeof(((struct timespec *)0)->tv_sec) > sizeof(long))
        return SYS_futex_time64;
#endif
    return SYS_futex;
}

void bnn_futex_wait(_Atomic uint32_t *word, uint32_t old, int64_t timeout_ns)
{
    struct timespec timeout = {(time_t)(timeout_ns / SECOND), (long)(timeout_ns % SECOND)};
    syscall(number(), word, FUTEX_WAIT_PRIVATE, old, timeout_ns < 0 ? NULL : &timeout, NULL, 0);
}

void bnn_futex_wake(_Atomic uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
