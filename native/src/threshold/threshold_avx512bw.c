#include "threshold/less_avx512.h"
#include "threshold/threshold_loops.h"

const bnn_threshold_loops bnn_threshold_avx512bw = {bytes_loop, int32_loop, float32_loop};
