#include "threshold/less_portable.h"
#include "threshold/threshold_loops.h"

const bnn_threshold_loops bnn_threshold_portable = {bytes_loop, int32_loop, float32_loop};
