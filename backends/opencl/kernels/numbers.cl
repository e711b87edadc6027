// Numbers x +-1 or float weights. The host defines INPUT, WEIGHT and SUM.
//
// Weights: [chunk of 8 neurons][tap][channel][neuron of the chunk], missing neurons 0.
// Sums start at `starts` and run over kernel row, kernel column, channel: with floats, this order
// is part of the result. GROUPED: the neurons of a chunk may read different groups of channels.

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define WEIGHT8 JOIN(WEIGHT, 8)
#define SUM8 JOIN(SUM, 8)
#define TO_SUM8 JOIN(JOIN(convert_, SUM), 8)

inline size_t image_size(const window *at) {
    return (size_t)at->rows * at->columns * at->channels;
}

inline int chunk_size(const window *at) {
    return at->kernel_rows * at->kernel_columns * (at->channels / at->groups);
}

#ifdef GROUPED

inline SUM neuron_sum(
    global const INPUT *image, global const WEIGHT *weights, SUM sum, const window *at, int neuron,
    int row, int column
) {
    const int depth = at->channels / at->groups;
    const int first = neuron / (at->out_channels / at->groups) * depth;
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += depth * 8) {
            const int from_row = row + y * at->dilation_rows;
            const int from_column = column + x * at->dilation_columns;
            if (!inside(at, from_row, from_column)) continue;
            global const INPUT *from =
                image + (from_row * at->columns + from_column) * at->channels + first;
            for (int channel = 0; channel < depth; channel++)
                sum += (SUM)from[channel] * (SUM)weights[channel * 8];
        }
    return sum;
}

inline void tile_sums(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, SUM8 sums[PIXELS][CHUNKS]
) {
    const int last_pixel = at->out_rows * at->out_columns - 1;
    for (int p = 0; p < PIXELS; p++) {
        const int pixel = min(first_pixel + p, last_pixel);
        const int row = pixel / at->out_columns * at->stride_rows - at->pad_top;
        const int column = pixel % at->out_columns * at->stride_columns - at->pad_left;
        for (int c = 0; c < CHUNKS; c++) {
            SUM lanes[8];
            for (int lane = 0; lane < 8; lane++) {
                const int neuron = min((first_chunk + c) * 8 + lane, at->out_channels - 1);
                global const WEIGHT *own =
                    (global const WEIGHT *)(weights + neuron / 8 * chunk_size(at)) + neuron % 8;
                const SUM start = ((global const SUM *)starts)[neuron];
                lanes[lane] = neuron_sum(image, own, start, at, neuron, row, column);
            }
            sums[p][c] = vload8(0, lanes);
        }
    }
}

#else

inline void tile_sums(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, SUM8 sums[PIXELS][CHUNKS]
) {
    const int last_pixel = at->out_rows * at->out_columns - 1;
    const int last_chunk = (at->out_channels - 1) / 8;
    int row[PIXELS], column[PIXELS], own[CHUNKS];
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) own[c] = min(first_chunk + c, last_chunk) * chunk_size(at);
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
        const int pixel = min(first_pixel + p, last_pixel);
        row[p] = pixel / at->out_columns * at->stride_rows - at->pad_top;
        column[p] = pixel % at->out_columns * at->stride_columns - at->pad_left;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) sums[p][c] = starts[min(first_chunk + c, last_chunk)];
    }
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += at->channels) {
            int from[PIXELS], is_inside[PIXELS];
#pragma unroll
            for (int p = 0; p < PIXELS; p++) {
                const int from_row = row[p] + y * at->dilation_rows;
                const int from_column = column[p] + x * at->dilation_columns;
                is_inside[p] = inside(at, from_row, from_column);
                from[p] = (from_row * at->columns + from_column) * at->channels;
            }
            for (int channel = 0; channel < at->channels; channel++) {
                SUM8 weight[CHUNKS];
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) weight[c] = TO_SUM8(weights[own[c] + channel]);
#pragma unroll
                for (int p = 0; p < PIXELS; p++) {
                    if (!is_inside[p]) continue;
                    const SUM8 value = (SUM8)((SUM)image[from[p] + channel]);
#pragma unroll
                    for (int c = 0; c < CHUNKS; c++) sums[p][c] += value * weight[c];
                }
            }
        }
}

#endif
