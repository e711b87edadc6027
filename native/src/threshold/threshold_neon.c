#include "threshold/less_neon.h"
#include "threshold/threshold_loops.h"

const bnn_threshold_loops bnn_threshold_neon = {bytes_loop, int32_loop, float32_loop};
