#define BNN_LOOPS bnn_loops_portable
#include "loops_impl.h"
