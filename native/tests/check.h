/* What all test files share: checks, executions, and runs of one kernel. */
#ifndef BNNPLAN_TESTS_CHECK_H
#define BNNPLAN_TESTS_CHECK_H

#include "random.h"

#include <bnnplan/isa.h>
#include <bnnplan/program.h>

#include <stdio.h>
#include <stdlib.h>

extern int failures;

#define CHECK(condition)                                                                          \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            printf("%s:%d: %s failed (%s)\n", __FILE__, __LINE__, #condition, bnn_last_error());  \
            failures++;                                                                           \
        }                                                                                         \
    } while (0)

enum { THREADS = 3 };

/* What is tested: an instruction set, and a team of THREADS threads to run kernels on. */
typedef struct {
    bnn_isa isa;
    bnn_team *team;
} bench;

/* One to THREADS threads, shared out along any of `axes`. */
bnn_execution random_execution(bnn_isa isa, int axes);

/* Run a kernel several times, compare its output with what is expected, and destroy it. Memory of
 * outputs is no longer than they are, so that a sanitizer sees what is written beyond. */
void expect(const char *what, const bench *on, bnn_kernel *kernel, const void *input,
            const void *second_input, const void *expected, size_t bytes);

/* malloc() that does not fail. */
void *room(size_t bytes);

/* Numbers of an element type, and their values. */
void random_numbers(bnn_element element, size_t count, void *numbers, double *values);

void test_binary(const bench *on);
void test_input(const bench *on);
void test_bits(const bench *on);
void test_numbers(const bench *on);
void test_number_windows(const bench *on);
void test_peak(const bench *on);

#endif
