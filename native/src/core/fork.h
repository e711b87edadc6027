/* Threads do not survive fork(): what has any is only good in the process that made it. */
#ifndef BNNPLAN_CORE_FORK_H
#define BNNPLAN_CORE_FORK_H

#include <stdint.h>

/* How often the process has become another one since the first call, as far as it remembers. */
uint32_t bnn_forks(void);

#endif
