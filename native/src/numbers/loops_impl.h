/* One instruction set's table of loops; BNN_LOOPS names it. */
#include "numbers/loops.h"

#include "numbers/depthwise_impl.h"
#include "numbers/map_impl.h"
#include "pool/numbers_impl.h"

const bnn_loops BNN_LOOPS = {
    .lanes = LANES,
    .tile_vectors = TILE_VECTORS,
    .scale_bias = {scale_bias_bits, scale_bias_uint8, scale_bias_int8, scale_bias_int32,
                   scale_bias_float32},
    .scale_in_place = {NULL, NULL, NULL, scale_in_place_int32, scale_in_place_float32},
    .multi_threshold = {NULL, multi_threshold_uint8, multi_threshold_int8, multi_threshold_int32,
                        multi_threshold_float32},
    .quantize = {quantize_nearest_even, quantize_floor, quantize_ceil, quantize_to_zero},
    .add = {NULL, NULL, NULL, add_int32, add_float32},
    .prelu = prelu,
    .clip = clip,
    .max_pool = {NULL, max_pool_uint8, max_pool_int8, max_pool_int32, max_pool_float32},
    .average_pool = {NULL, NULL, NULL, average_pool_int32, average_pool_float32},
    .conv = conv_row,
    .depthwise = depthwise_row,
};
