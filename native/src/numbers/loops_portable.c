#define BNN_LOOPS bnn_loops_portable
#include "numbers/loops_impl.h"
