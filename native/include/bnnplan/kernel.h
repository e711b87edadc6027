/* What every kernel of the library is, and how a team of threads runs it.
 *
 * Formats: bits are 0 for +1 and 1 for -1, channels innermost, packed LSB first into 64-bit
 * little-endian words per pixel, the tail of the last word 0. Numbers are NHWC, dense.
 */
#ifndef BNNPLAN_KERNEL_H
#define BNNPLAN_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    BNN_OK = 0,
    BNN_BAD_ARGUMENT = 1, /* a size, pointer or code that cannot be */
    BNN_NO_MEMORY = 2,
    BNN_UNSUPPORTED = 3, /* this build or machine lacks what was asked for */
    BNN_STOPPED = 4,     /* what was asked has been stopped */
    BNN_FAILED = 5       /* something that was run on the way has failed */
} bnn_status;

typedef enum { BNN_BIT = 0, BNN_UINT8 = 1, BNN_INT8 = 2, BNN_INT32 = 3, BNN_FLOAT32 = 4 } bnn_element;

/* What the address of every tensor must be a multiple of; a cache line, 64, is faster. */
enum { BNN_BUFFER_ALIGNMENT = 8 };

/* Parallel axes, or-ed: X images, Y windows (output pixels), Z neurons (output channels). */
enum { BNN_X = 1, BNN_Y = 2, BNN_Z = 4 };

typedef struct {
    const void *const *inputs;
    void *const *outputs;
    void *workspace; /* workspace_bytes of the kernel, shared by its threads, 64-byte aligned */
    int thread;      /* 0 .. threads - 1 */
    int threads;     /* threads that share this kernel's work */
    int phase;       /* 0 .. phases - 1; all threads finish a phase before the next begins */
} bnn_call;

typedef struct bnn_kernel bnn_kernel;

struct bnn_kernel {
    void (*run)(const bnn_kernel *self, const bnn_call *call);
    void (*destroy)(bnn_kernel *self);
    size_t weight_bytes;    /* packed weights and parameters held by the kernel */
    size_t workspace_bytes; /* needed only while it runs */
    int phases;             /* at least 1 */
    int threads;            /* threads it wants, at least 1 */
};

/* One line on the last error of the calling thread; never NULL. */
const char *bnn_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
