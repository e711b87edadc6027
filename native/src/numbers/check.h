/* Checks and allocation that every create function shares. */
#ifndef BNNPLAN_NUMBERS_CHECK_H
#define BNNPLAN_NUMBERS_CHECK_H

#include "bnnplan/numbers.h"

enum { BNN_UNIT = 16 }; /* channels of numbers that are shared out together: a cache line */

/* Fails unless all of the extents are at least 1 and their product is below 2^31. */
bnn_status bnn_check_extents(const char *what, const int64_t *extents, int count);

bnn_status bnn_check_tensor(const char *what, const bnn_tensor_spec *spec);

/* Checks the geometry and gives the height and width of the output. */
bnn_status bnn_check_window(const char *what, const bnn_window_spec *spec, int64_t windows[2]);

bnn_status bnn_check_pointer(const char *what, const void *pointer);

/* As bnn_allocate; NULL sets the last error. */
void *bnn_numbers_allocate(const char *what, size_t bytes);

size_t bnn_element_bytes(bnn_element element); /* 0 for bits and unknown codes */

#endif
