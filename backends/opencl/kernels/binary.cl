// Bits x +-1 weights.
//
// Weights: [chunk of 8 neurons][tap][word][neuron of the chunk], missing neurons and bits 0.
// GROUPED: the neurons of a chunk may belong to different groups of input channels, which may
// start inside a word. Without it there is one group, and whole words are read.

#define INPUT ulong
#define WEIGHT8 ulong8
#define SUM int
#define SUM8 int8

#define PAD_NOTHING 0
#define PAD_MINUS -1

size_t image_size(const window *at) {
    return (size_t)at->rows * at->columns * words_of(at->channels);
}

int chunk_size(const window *at) {
    return at->kernel_rows * at->kernel_columns * words_of(at->channels / at->groups);
}

#ifdef GROUPED

// Word `index` of the channels [first, first + count) of a pixel.
ulong group_word(global const ulong *pixel, int words, int first, int count, int index) {
    const int start = first + index * WORD_BITS;
    const int shift = start % WORD_BITS, at = start / WORD_BITS;
    ulong word = pixel[at] >> shift;
    if (shift != 0 && at + 1 < words) word |= pixel[at + 1] << (WORD_BITS - shift);
    return word & low_bits(count - index * WORD_BITS);
}

int neuron_sum(
    global const ulong *image, global const ulong *weights, const window *at, int pad, int neuron,
    int2 origin
) {
    const int words = words_of(at->channels);
    const int depth = at->channels / at->groups, depth_words = words_of(depth);
    const int first = neuron / (at->out_channels / at->groups) * depth;
    int taps = 0, different = 0;
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += depth_words * 8) {
            const int row = origin.x + y * at->dilation_rows;
            const int column = origin.y + x * at->dilation_columns;
            const int reads = is_inside(at, row, column);
            if (!reads && pad == PAD_NOTHING) continue;
            global const ulong *pixel = image + (reads ? (row * at->columns + column) * words : 0);
            for (int index = 0; index < depth_words; index++) {
                const ulong outside = pad == PAD_MINUS ? low_bits(depth - index * WORD_BITS) : 0;
                const ulong bits = reads ? group_word(pixel, words, first, depth, index) : outside;
                different += (int)popcount(bits ^ weights[index * 8]);
            }
            taps++;
        }
    return taps * depth - 2 * different;
}

void tile_sums(
    global const ulong *image, global const ulong8 *weights, global const int8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, int8 sums[PIXELS][CHUNKS]
) {
    const int last_pixel = at->out_rows * at->out_columns - 1;
    for (int p = 0; p < PIXELS; p++) {
        const int2 origin = origin_of(at, min(first_pixel + p, last_pixel));
        for (int c = 0; c < CHUNKS; c++) {
            int lanes[8];
            for (int lane = 0; lane < 8; lane++) {
                const int neuron = min((first_chunk + c) * 8 + lane, at->out_channels - 1);
                global const ulong *own =
                    (global const ulong *)(weights + neuron / 8 * chunk_size(at)) + neuron % 8;
                lanes[lane] = neuron_sum(image, own, at, pad, neuron, origin);
            }
            sums[p][c] = vload8(0, lanes);
        }
    }
}

#else

// Written out lane by lane: compilers make vector instructions of this, but not of popcount(v).
ulong8 count_bits(ulong8 v) {
    return (ulong8)(popcount(v.s0), popcount(v.s1), popcount(v.s2), popcount(v.s3),
                    popcount(v.s4), popcount(v.s5), popcount(v.s6), popcount(v.s7));
}

// A tile of windows that lie inside the image.
void inner_sums(
    global const ulong *image, global const ulong8 *weights, const window *at, const int2 *origin,
    const int *own, int8 sums[PIXELS][CHUNKS]
) {
    const int words = words_of(at->channels);
    ulong8 different[PIXELS][CHUNKS];
    int from[PIXELS];
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
        from[p] = (origin[p].x * at->columns + origin[p].y) * words;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) different[p][c] = 0;
    }
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += words) {
            global const ulong *tap =
                image + (y * at->dilation_rows * at->columns + x * at->dilation_columns) * words;
            for (int index = 0; index < words; index++)
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) {
                    const ulong8 weight = weights[own[c] + index];
#pragma unroll
                    for (int p = 0; p < PIXELS; p++)
                        different[p][c] += count_bits(weight ^ tap[from[p] + index]);
                }
        }
    const int bits = at->kernel_rows * at->kernel_columns * at->channels;
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) sums[p][c] = bits - 2 * convert_int8(different[p][c]);
}

// One window that may reach over the border.
void border_sums(
    global const ulong *image, global const ulong8 *weights, const window *at, int pad, int2 origin,
    const int *own, int8 sums[CHUNKS]
) {
    const int words = words_of(at->channels);
    ulong8 different[CHUNKS];
    int taps = 0;
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) different[c] = 0;
    for (int y = 0; y < at->kernel_rows; y++)
        for (int x = 0; x < at->kernel_columns; x++, weights += words) {
            const int row = origin.x + y * at->dilation_rows;
            const int column = origin.y + x * at->dilation_columns;
            const int reads = is_inside(at, row, column);
            if (!reads && pad == PAD_NOTHING) continue;
            global const ulong *pixel = image + (reads ? (row * at->columns + column) * words : 0);
            for (int index = 0; index < words; index++) {
                const ulong outside =
                    pad == PAD_MINUS ? low_bits(at->channels - index * WORD_BITS) : 0;
                const ulong bits = reads ? pixel[index] : outside;
#pragma unroll
                for (int c = 0; c < CHUNKS; c++)
                    different[c] += count_bits(weights[own[c] + index] ^ bits);
            }
            taps++;
        }
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
        sums[c] = taps * at->channels - 2 * convert_int8(different[c]);
}

void tile_sums(
    global const ulong *image, global const ulong8 *weights, global const int8 *starts,
    const window *at, int pad, int first_pixel, int first_chunk, int8 sums[PIXELS][CHUNKS]
) {
    int2 origin[PIXELS];
    int own[CHUNKS];
    if (place_tile(at, first_pixel, first_chunk, chunk_size(at), origin, own))
        inner_sums(image, weights, at, origin, own, sums);
    else
        for (int p = 0; p < PIXELS; p++)
            border_sums(image, weights, at, pad, origin[p], own, sums[p]);
}

#endif
