#define _GNU_SOURCE
#include "core/cores.h"

#include "core/error.h"

bnn_status bnn_read_cores(const int *cores, size_t count, const char *what, cpu_set_t *set)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return bnn_fail(BNN_UNSUPPORTED, "the cores that this process may use cannot be read");
    CPU_ZERO(set);
    for (size_t i = 0; i < count; i++) {
        if (cores[i] < 0 || cores[i] >= CPU_SETSIZE || !CPU_ISSET(cores[i], &allowed))
            return bnn_fail(BNN_BAD_ARGUMENT, "core %d is none that this process may use",
                            cores[i]);
        if (CPU_ISSET(cores[i], set))
            return bnn_fail(BNN_BAD_ARGUMENT, "core %d stands twice in a %s", cores[i], what);
        CPU_SET(cores[i], set);
    }
    return BNN_OK;
}
