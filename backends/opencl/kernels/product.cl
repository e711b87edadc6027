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

#ifdef SCALED
#define OUTPUT float
#define SCALES , global const float8 *scales, global const float8 *biases
#define FINISHED(sum, chunk) (convert_float8(sum) * scales[chunk] + biases[chunk])
#else
#define OUTPUT SUM
#define SCALES
#define FINISHED(sum, chunk) (sum)
#endif
#define OUTPUT_VECTOR_(type) type##8
#define OUTPUT_VECTOR(type) OUTPUT_VECTOR_(type)
#define OUTPUT8 OUTPUT_VECTOR(OUTPUT)

kernel void product_sums(
    global const INPUT *input, global OUTPUT *output, global const WEIGHT8 *weights,
    global const SUM8 *starts, const window at, const int pad SCALES
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
                const int pixel = tile * PIXELS + p, chunk = part * CHUNKS + c, neuron = chunk * 8;
                if (pixel >= pixels || neuron >= at.out_channels) continue;
                const OUTPUT8 result = FINISHED(sums[p][c], chunk);
                global OUTPUT *to =
                    output + ((size_t)image * pixels + pixel) * at.out_channels + neuron;
                if (neuron + 8 <= at.out_channels) {
                    vstore8(result, 0, to);
                } else {
                    OUTPUT lanes[8];
                    vstore8(result, 0, lanes);
                    for (int lane = 0; neuron + lane < at.out_channels; lane++) to[lane] = lanes[lane];
                }
            }
    }
}

// The bytes of a tile. Missing neurons have the least threshold, unflipped: their bits become 0.
void tile_bytes(
    global const INPUT *image, global const WEIGHT8 *weights, global const SUM8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, global const SUM8 *thresholds,
    global const int8 *flips, uchar bytes[PIXELS][CHUNKS]
) {
    const int last_chunk = words_of(at->out_channels) * 8 - 1;
    const int is_tail = first_chunk * 8 >= at->out_channels;
    SUM8 sums[PIXELS][CHUNKS];
    if (!is_tail)
        tile_sums(image, weights, starts, at, pad, first_pixel, first_chunk, sums);
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            if (is_tail) {
                bytes[p][c] = 0;
                continue;
            }
            const int chunk = min(first_chunk + c, last_chunk);
            const SUM8 threshold = thresholds[chunk];
            const int8 below = sums[p][c] < threshold, above = sums[p][c] > threshold;
            bytes[p][c] = byte_of(select(below, above, flips[chunk]));
        }
}

void store_bytes(
    global uchar *output, const window *at, int image, int first_pixel, int first_chunk,
    uchar bytes[PIXELS][CHUNKS]
) {
    const int pixels = at->out_rows * at->out_columns, row = words_of(at->out_channels) * 8;
    global uchar *to = output + ((size_t)image * pixels + first_pixel) * row + first_chunk;
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
#pragma unroll
        for (int c = 0; c < CHUNKS; c++)
            if (first_pixel + p < pixels && first_chunk + c < row) to[p * row + c] = bytes[p][c];
}

kernel void product_bits(
    global const INPUT *input, global uchar *output, global const WEIGHT8 *weights,
    global const SUM8 *starts, const window at, const int pad, global const SUM8 *thresholds,
    global const int8 *flips
) {
    const int pixels = at.out_rows * at.out_columns;
    EACH(image, 2, at.images)
    EACH(tile, 1, (pixels + PIXELS - 1) / PIXELS)
    EACH(part, 0, (words_of(at.out_channels) * 8 + CHUNKS - 1) / CHUNKS) {
        uchar bytes[PIXELS][CHUNKS];
        tile_bytes(input + image * image_size(&at), weights, starts, &at, pad, tile * PIXELS,
                   part * CHUNKS, thresholds, flips, bytes);
        store_bytes(output, &at, image, tile * PIXELS, part * CHUNKS, bytes);
    }
}

// The windows of `at` are those of the pooling's first tap; the other taps' are so many rows and
// columns of input further. A byte of `minimum` has a bit of 1 for each neuron that takes -1 if any
// tap does.
kernel void product_pooled(
    global const INPUT *input, global uchar *output, global const WEIGHT8 *weights,
    global const SUM8 *starts, const window at, const int pad, global const SUM8 *thresholds,
    global const int8 *flips, const int tap_rows, const int tap_columns, const int row_step,
    const int column_step, global const uchar *minimum
) {
    const int pixels = at.out_rows * at.out_columns, row = words_of(at.out_channels) * 8;
    EACH(image, 2, at.images)
    EACH(tile, 1, (pixels + PIXELS - 1) / PIXELS)
    EACH(part, 0, (row + CHUNKS - 1) / CHUNKS) {
        uchar all[PIXELS][CHUNKS], any[PIXELS][CHUNKS];
        for (int tap = 0; tap < tap_rows * tap_columns; tap++) {
            window own = at;
            own.pad_top -= tap / tap_columns * row_step;
            own.pad_left -= tap % tap_columns * column_step;
            uchar bytes[PIXELS][CHUNKS];
            tile_bytes(input + image * image_size(&at), weights, starts, &own, pad, tile * PIXELS,
                       part * CHUNKS, thresholds, flips, bytes);
#pragma unroll
            for (int p = 0; p < PIXELS; p++)
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) {
                    all[p][c] = tap == 0 ? bytes[p][c] : all[p][c] & bytes[p][c];
                    any[p][c] = tap == 0 ? bytes[p][c] : any[p][c] | bytes[p][c];
                }
        }
#pragma unroll
        for (int p = 0; p < PIXELS; p++)
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                const uchar least = minimum[min(part * CHUNKS + c, row - 1)];
                all[p][c] = (all[p][c] & ~least) | (any[p][c] & least);
            }
        store_bytes(output, &at, image, tile * PIXELS, part * CHUNKS, all);
    }
}
