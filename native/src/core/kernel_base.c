#include "core/kernel_base.h"

#include "core/error.h"

#include <stdlib.h>

enum { MOST_KERNEL_THREADS = 1024 };

bnn_status bnn_execution_check(const bnn_execution *execution, bnn_isa *isa)
{
    if (execution == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "a kernel needs an execution");
    if (execution->threads < 1 || execution->threads > MOST_KERNEL_THREADS)
        return bnn_fail(BNN_BAD_ARGUMENT, "a kernel has 1 to %d threads, not %d",
                        MOST_KERNEL_THREADS, execution->threads);
    if ((execution->axes & ~(BNN_X | BNN_Y | BNN_Z)) != 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "parallel axes %d are none of X, Y and Z",
                        execution->axes);
    if ((unsigned)execution->method > BNN_METHOD_LOOKUP)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no method number %d", (int)execution->method);
    return bnn_isa_choose(execution->isa, isa);
}

void bnn_kernel_free(bnn_kernel *kernel)
{
    free(kernel);
}
