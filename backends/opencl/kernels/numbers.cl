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

size_t image_size(const window *at) {
    return (size_t)at->rows * at->columns * at->channels;
}

int chunk_size(const window *at) {
    return at->kernel_rows * at->kernel_columns * (at->channels / at->groups);
}

#ifdef GROUPED

SUM neuron_sum(
    global const INPUT *image, global const WEIGHT *weights, SUM sum, const window *at, int neuron,
    int2 origin
) {
    const int depth = at->channels / at->groups;
    const int first = neuron / (at->out_channels / at->groups) * depth;
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += depth * 8) {
            const int row = origin.x + y * at->dilation_rows;
            const int column = origin.y + x * at->dilation_columns;
            if (!is_inside(at, row, column)) continue;
            global const INPUT *pixel = image + (row * at->columns + column) * at->channels + first;
            for (int channel = 0; channel < depth; channel++)
                sum += (SUM)pixel[channel] * (SUM)weights[channel * 8];
        }
    return sum;
}

void tile_sums(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, SUM8 sums[PIXELS][CHUNKS]
) {
    const int last_pixel = at->out_rows * at->out_columns - 1;
    for (int p = 0; p < PIXELS; p++) {
        const int2 origin = origin_of(at, min(first_pixel + p, last_pixel));
        for (int c = 0; c < CHUNKS; c++) {
            SUM lanes[8];
            for (int lane = 0; lane < 8; lane++) {
                const int neuron = min((first_chunk + c) * 8 + lane, at->out_channels - 1);
                global const WEIGHT *own =
                    (global const WEIGHT *)(weights + neuron / 8 * chunk_size(at)) + neuron % 8;
                const SUM start = ((global const SUM *)starts)[neuron];
                lanes[lane] = neuron_sum(image, own, start, at, neuron, origin);
            }
            sums[p][c] = vload8(0, lanes);
        }
    }
}

#else

// A tile of windows that lie inside the image.
void inner_sums(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, const int2 *origin, const int *own, int first_chunk,
    SUM8 sums[PIXELS][CHUNKS]
) {
    const int depth = at->channels, last_chunk = (at->out_channels - 1) / 8;
    SUM8 total[PIXELS][CHUNKS];
    int from[PIXELS];
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
        from[p] = (origin[p].x * at->columns + origin[p].y) * depth;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) total[p][c] = starts[min(first_chunk + c, last_chunk)];
    }
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += depth) {
            global const INPUT *tap =
                image + (y * at->dilation_rows * at->columns + x * at->dilation_columns) * depth;
            for (int channel = 0; channel < depth; channel++)
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) {
                    const SUM8 weight = TO_SUM8(weights[own[c] + channel]);
#pragma unroll
                    for (int p = 0; p < PIXELS; p++)
                        total[p][c] += (SUM8)((SUM)tap[from[p] + channel]) * weight;
                }
        }
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) sums[p][c] = total[p][c];
}

// One window that may reach over the border.
void border_sums(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, int2 origin, const int *own, int first_chunk, SUM8 sums[CHUNKS]
) {
    const int depth = at->channels, last_chunk = (at->out_channels - 1) / 8;
    SUM8 total[CHUNKS];
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) total[c] = starts[min(first_chunk + c, last_chunk)];
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += depth) {
            const int row = origin.x + y * at->dilation_rows;
            const int column = origin.y + x * at->dilation_columns;
            if (!is_inside(at, row, column)) continue;
            global const INPUT *pixel = image + (row * at->columns + column) * depth;
            for (int channel = 0; channel < depth; channel++) {
                const SUM8 value = (SUM8)((SUM)pixel[channel]);
#pragma unroll
                for (int c = 0; c < CHUNKS; c++)
                    total[c] += value * TO_SUM8(weights[own[c] + channel]);
            }
        }
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) sums[c] = total[c];
}

void tile_sums(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, SUM8 sums[PIXELS][CHUNKS]
) {
    int2 origin[PIXELS];
    int own[CHUNKS];
    if (place_tile(at, first_pixel, first_chunk, chunk_size(at), origin, own))
        inner_sums(image, weights, starts, at, origin, own, first_chunk, sums);
    else
        for (int p = 0; p < PIXELS; p++)
            border_sums(image, weights, starts, at, origin[p], own, first_chunk, sums[p]);
}

#endif
