#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_error[256];

bnn_status bnn_fail(bnn_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

void bnn_forget_error(void)
{
    last_error[0] = 0;
}

const char *bnn_last_error(void)
{
    return last_error;
}
