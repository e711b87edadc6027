/* Depthwise float convolution: channels side by side in the lanes, window after window. */
#include "numbers/conv_impl.h"

/* A block is one vector of channels, each with its own filter. */
static void depthwise_row(const bnn_conv *conv, const float *image, float *output, int64_t block,
                          int64_t row, int64_t first, int64_t last) {
    const int64_t from = block * LANES, channels = conv->channels;
    const int64_t kept = channels - from < LANES ? channels - from : LANES;
    const int64_t top = row * conv->strides[0] - conv->pads[0];
    const float *weight = conv->weight + block * conv->kernel[0] * conv->kernel[1] * LANES;
    int64_t r0, r1, c0, c1;
    inside(top, conv->dilations[0], conv->kernel[0], conv->height, &r0, &r1);
    for (int64_t column = first; column < last; column++) {
        const int64_t left = column * conv->strides[1] - conv->pads[1];
        inside(left, conv->dilations[1], conv->kernel[1], conv->width, &c0, &c1);
        vfloat sums = load(conv->bias + from);
        for (int64_t r = r0; r < r1; r++)
            for (int64_t c = c0; c < c1; c++) {
                const int64_t pixel = (top + r * conv->dilations[0]) * conv->width + left +
                                      c * conv->dilations[1];
                const float *place = image + pixel * channels + from;
                vfloat x = {0};
                if (kept == LANES)
                    x = load(place);
                else
                    memcpy(&x, place, (size_t)kept * sizeof(float));
                sums += x * load(weight + (r * conv->kernel[1] + c) * LANES);
            }
        store_sums(&sums, 1, output + (row * conv->windows[1] + column) * channels + from, kept);
    }
}
