// What convolutions and dense layers share, whatever they multiply. A work-item computes a tile
// of PIXELS windows x CHUNKS chunks of 8 neurons. Where the result is bits, a chunk is one byte,
// so no two work-items write the same one.
//
// A file that defines INPUT, WEIGHT8, SUM, SUM8, image_size and tile_sums precedes this one.

// One byte from eight comparisons (-1 where true): lane i becomes bit i.
uchar byte_of(int8 negative) {
    const int8 bits = negative & (int8)(1, 2, 4, 8, 16, 32, 64, 128);
    const int4 halves = bits.lo | bits.hi;
    const int2 pairs = halves.lo | halves.hi;
    return (uchar)(pairs.x | pairs.y);
}

kernel void product_sums(
    global const INPUT *input, global SUM *output, global const WEIGHT8 *weights,
    global const SUM8 *starts, const window at, const int pad
) {
    const int pixels = at.out_rows * at.out_columns;
    const int chunks = (at.out_channels + 7) / 8;
    EACH(image, 2, at.images)
    EACH(tile, 1, (pixels + PIXELS - 1) / PIXELS)
    EACH(part, 0, (chunks + CHUNKS - 1) / CHUNKS) {
        SUM8 sums[PIXELS][CHUNKS];
        tile_sums(input + image * image_size(&at), weights, starts, &at, pad, tile * PIXELS,
                  part * CHUNKS, sums);
#pragma unroll
        for (int p = 0; p < PIXELS; p++)
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                const int pixel = tile * PIXELS + p, neuron = (part * CHUNKS + c) * 8;
                if (pixel >= pixels || neuron >= at.out_channels) continue;
                global SUM *to = output + ((size_t)image * pixels + pixel) * at.out_channels + neuron;
                if (neuron + 8 <= at.out_channels) {
                    vstore8(sums[p][c], 0, to);
                } else {
                    SUM lanes[8];
                    vstore8(sums[p][c], 0, lanes);
                    for (int lane = 0; neuron + lane < at.out_channels; lane++) to[lane] = lanes[lane];
                }
            }
    }
}

// Missing neurons have the least threshold, unflipped: their bits become 0.
kernel void product_bits(
    global const INPUT *input, global uchar *output, global const WEIGHT8 *weights,
    global const SUM8 *starts, const window at, const int pad, global const SUM8 *thresholds,
    global const int8 *flips
) {
    const int pixels = at.out_rows * at.out_columns;
    const int bytes = words_of(at.out_channels) * 8;
    EACH(image, 2, at.images)
    EACH(tile, 1, (pixels + PIXELS - 1) / PIXELS)
    EACH(part, 0, (bytes + CHUNKS - 1) / CHUNKS) {
        global uchar *to = output + ((size_t)image * pixels + tile * PIXELS) * bytes + part * CHUNKS;
        SUM8 sums[PIXELS][CHUNKS];
        const int is_tail = part * CHUNKS * 8 >= at.out_channels;
        if (!is_tail)
            tile_sums(input + image * image_size(&at), weights, starts, &at, pad, tile * PIXELS,
                      part * CHUNKS, sums);
#pragma unroll
        for (int p = 0; p < PIXELS; p++)
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                const int chunk = part * CHUNKS + c;
                if (tile * PIXELS + p >= pixels || chunk >= bytes) continue;
                if (is_tail) {
                    to[p * bytes + c] = 0;
                    continue;
                }
                const SUM8 threshold = thresholds[chunk];
                const int8 below = sums[p][c] < threshold, above = sums[p][c] > threshold;
                to[p * bytes + c] = byte_of(select(below, above, flips[chunk]));
            }
    }
}
