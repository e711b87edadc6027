#include "numbers/loops.h"

#if defined(__x86_64__)
#define BNN_LOOPS bnn_loops_avx512bw
#include "numbers/loops_impl.h"
#endif
