/* Errors of the calling thread. */
#ifndef BNNPLAN_CORE_ERROR_H
#define BNNPLAN_CORE_ERROR_H

#include <bnnplan/kernel.h>

/* Keep a formatted line for bnn_last_error and return the status. */
__attribute__((format(printf, 2, 3))) bnn_status bnn_fail(bnn_status status, const char *format,
                                                          ...);

/* Forget the line that the calling thread kept. */
void bnn_forget_error(void);

#endif
