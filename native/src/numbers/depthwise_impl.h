/* Depthwise float convolution: channels side by side in the lanes. */
#include "numbers/conv_impl.h"

enum { DEPTHWISE_VECTORS = 64 / (4 * LANES), DEPTHWISE_WINDOWS = 8 / DEPTHWISE_VECTORS };

/* Channels that do not fill a vector. */
BNN_INLINE vfloat load_some(const float *from, int64_t count)
{
    vfloat value = {0};
    memcpy(&value, from, (size_t)count * sizeof(float));
    return value;
}

/* As run_tile, but each lane of a run's only tap has its own input. */
BNN_INLINE void run_depthwise(const int windows, const int vectors, const int whole,
                              const conv_tile *tile)
{
    const int64_t window_step = tile->window_step, run_step = tile->run_step, runs = tile->runs;
    vfloat sums[DEPTHWISE_WINDOWS * DEPTHWISE_VECTORS];
    BNN_UNROLL for (int i = 0; i < windows; i++)
        BNN_UNROLL for (int v = 0; v < vectors; v++)
            sums[i * vectors + v] = load(tile->bias + v * LANES);
    for (int64_t row = 0; row < tile->rows; row++) {
        const float *weight = tile->weight + row * tile->weight_step;
        const float *x = tile->x + row * tile->row_step;
        for (int64_t run = 0; run < runs; run++, x += run_step, weight += BNN_DEPTHWISE_LANES)
            BNN_UNROLL for (int i = 0; i < windows; i++)
                BNN_UNROLL for (int v = 0; v < vectors; v++) {
                    const float *place = x + i * window_step + v * LANES;
                    sums[i * vectors + v] +=
                        (whole ? load(place) : load_some(place, tile->filters)) *
                        load(weight + v * LANES);
                }
    }
    BNN_UNROLL for (int i = 0; i < windows; i++)
        store_sums(sums + i * vectors, vectors, tile->y + i * tile->y_step,
                   whole ? vectors * LANES : tile->filters);
}

/* A tile of a block whose channels may be fewer than its lanes. */
static void run_part(const conv_tile *block)
{
    conv_tile tile = *block;
    for (; tile.filters > 0; tile.filters -= LANES) {
        if (tile.filters >= LANES)
            run_depthwise(1, 1, 1, &tile);
        else
            run_depthwise(1, 1, 0, &tile);
        tile.x += LANES;
        tile.y += LANES;
        tile.bias += LANES;
        tile.weight += LANES;
    }
}

/* A block is BNN_DEPTHWISE_LANES channels, each with its own filter. */
static void depthwise_row(const bnn_conv *conv, const float *image, float *output, int64_t block,
                          int64_t row, int64_t first, int64_t last)
{
    const int64_t from = block * BNN_DEPTHWISE_LANES, channels = conv->channels;
    const int64_t line = conv->width * channels;
    const int64_t top = row * conv->strides[0] - conv->pads[0];
    const float *weight = conv->weight + from * conv->kernel[0] * conv->kernel[1];
    float *y = output + row * conv->windows[1] * channels + from;
    int64_t r0, r1, whole_first, whole_last;
    inside(top, conv->dilations[0], conv->kernel[0], conv->height, &r0, &r1);
    whole_windows(conv, &whole_first, &whole_last);
    const float *lines = image + (top + r0 * conv->dilations[0]) * line + from;
    conv_tile at = {
        .window_step = conv->strides[1] * channels,
        .bias = conv->bias + from,
        .y_step = channels,
        .filters = channels - from,
        .rows = r1 - r0,
        .row_step = conv->dilations[0] * line,
        .weight_step = conv->kernel[1] * BNN_DEPTHWISE_LANES,
        .run_step = conv->dilations[1] * channels,
    };
    if (at.filters > BNN_DEPTHWISE_LANES)
        at.filters = BNN_DEPTHWISE_LANES;
    for (int64_t column = first, count; column < last; column += count) {
        const int64_t left = column * conv->strides[1] - conv->pads[1];
        const int64_t end = last < whole_last ? last : whole_last;
        int64_t c0 = 0, c1 = conv->kernel[1];
        count = 1;
        if (column < whole_first || column >= whole_last)
            inside(left, conv->dilations[1], conv->kernel[1], conv->width, &c0, &c1);
        else if (end - column >= DEPTHWISE_WINDOWS && at.filters == BNN_DEPTHWISE_LANES)
            count = DEPTHWISE_WINDOWS;
        at.x = lines + (left + c0 * conv->dilations[1]) * channels;
        at.weight = weight + (r0 * conv->kernel[1] + c0) * BNN_DEPTHWISE_LANES;
        at.y = y + column * channels;
        at.runs = c1 - c0;
        if (count == 1)
            run_part(&at);
        else
            run_depthwise(DEPTHWISE_WINDOWS, DEPTHWISE_VECTORS, 1, &at);
    }
}
