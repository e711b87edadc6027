#include "numbers/check.h"

/* A dense layer is a convolution of 1 x 1 over a row whose pixels are the images. */
bnn_status bnn_float_dense_create(const bnn_float_dense_spec *spec, const float *weight,
                                  const float *bias, const bnn_execution *execution,
                                  bnn_kernel **kernel)
{
    const char *what = "float dense layer";
    bnn_status status = bnn_check_pointer(what, spec);
    if (status == BNN_OK)
        status = bnn_check_pointer(what, execution);
    if (status != BNN_OK)
        return status;
    const bnn_window_spec row = {.batch = 1,
                                 .height = 1,
                                 .width = spec->batch,
                                 .channels = spec->inputs,
                                 .kernel = {1, 1},
                                 .strides = {1, 1},
                                 .dilations = {1, 1}};
    bnn_execution sharing = *execution;
    sharing.axes = (execution->axes & BNN_Z) | (execution->axes & BNN_X ? BNN_Y : 0);
    return bnn_float_conv_create(&row, spec->outputs, 1, weight, bias, &sharing, kernel);
}
