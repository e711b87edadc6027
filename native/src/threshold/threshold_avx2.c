#include "threshold/less_avx2.h"
#include "threshold/threshold_loops.h"

const bnn_threshold_loops bnn_threshold_avx2 = {bytes_loop, int32_loop, float32_loop};
