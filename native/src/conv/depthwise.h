/* Binary depthwise convolution: one channel a group, one filter a channel. */
#ifndef BNNPLAN_CONV_DEPTHWISE_H
#define BNNPLAN_CONV_DEPTHWISE_H

#include "core/geometry.h"

/* Whether a convolution is one. */
bool bnn_is_depthwise(const bnn_convolution *shape);

/* As bnn_binary_conv_create, for checked arguments. */
bnn_status bnn_depthwise_create(const bnn_geometry *geometry, int pad_value,
                                const int8_t *weights, const bnn_fusion *fusion,
                                const bnn_execution *execution, bnn_kernel **kernel);

#endif
