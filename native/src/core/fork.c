#include "core/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic uint32_t forks;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

uint32_t bnn_forks(void)
{
    pthread_once(&watch_once, watch_forks);
    return atomic_load(&forks);
}
