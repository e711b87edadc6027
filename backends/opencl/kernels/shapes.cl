// Layers that pool or move elements. The host defines ELEMENT, the type of one element, or of one
// word of packed bits in the kernels that end in _bits.

kernel void max_pool(
    global const ELEMENT *input, global ELEMENT *output, const window at, const int chunk,
    global const uchar *minimum
) {
    const int pixels = at.out_rows * at.out_columns;
    EACH(image, 2, at.images)
    EACH(pixel, 1, pixels)
    EACH(part, 0, (at.channels + chunk - 1) / chunk) {
        const int row = pixel / at.out_columns * at.stride_rows - at.pad_top;
        const int column = pixel % at.out_columns * at.stride_columns - at.pad_left;
        global const ELEMENT *from = input + (size_t)image * at.rows * at.columns * at.channels;
        global ELEMENT *to = output + ((size_t)image * pixels + pixel) * at.channels;
        for (int channel = part * chunk; channel < min(at.channels, (part + 1) * chunk); channel++) {
            int taps = 0;
            ELEMENT best = 0;
            for (int y = max(row, 0); y < min(row + at.kernel_rows, at.rows); y++)
                for (int x = max(column, 0); x < min(column + at.kernel_columns, at.columns); x++) {
                    const ELEMENT value = from[(y * at.columns + x) * at.channels + channel];
                    const int better = minimum[channel] ? value < best : value > best;
                    // A NaN, which differs from itself, wins and then stays.
                    if (taps++ == 0 || better || value != value) best = value;
                }
            to[channel] = best;
        }
    }
}

// `channels` of the window are words here; a bit of 1 stands for the smaller value.
kernel void max_pool_bits(
    global const ulong *input, global ulong *output, const window at, global const ulong *minimum
) {
    const int pixels = at.out_rows * at.out_columns;
    EACH(image, 2, at.images)
    EACH(pixel, 1, pixels)
    EACH(word, 0, at.channels) {
        const int row = pixel / at.out_columns * at.stride_rows - at.pad_top;
        const int column = pixel % at.out_columns * at.stride_columns - at.pad_left;
        global const ulong *from = input + (size_t)image * at.rows * at.columns * at.channels;
        ulong all = ~0UL, any = 0;
        for (int y = max(row, 0); y < min(row + at.kernel_rows, at.rows); y++)
            for (int x = max(column, 0); x < min(column + at.kernel_columns, at.columns); x++) {
                const ulong bits = from[(y * at.columns + x) * at.channels + word];
                all &= bits;
                any |= bits;
            }
        output[((size_t)image * pixels + pixel) * at.channels + word] =
            (all & ~minimum[word]) | (any & minimum[word]);
    }
}

kernel void average_pool(
    global const ELEMENT *input, global float *output, const window at, const int chunk,
    const int count_pads
) {
    const int pixels = at.out_rows * at.out_columns;
    EACH(image, 2, at.images)
    EACH(pixel, 1, pixels)
    EACH(part, 0, (at.channels + chunk - 1) / chunk) {
        const int row = pixel / at.out_columns * at.stride_rows - at.pad_top;
        const int column = pixel % at.out_columns * at.stride_columns - at.pad_left;
        global const ELEMENT *from = input + (size_t)image * at.rows * at.columns * at.channels;
        global float *to = output + ((size_t)image * pixels + pixel) * at.channels;
        for (int channel = part * chunk; channel < min(at.channels, (part + 1) * chunk); channel++) {
            int taps = 0;
            float sum = 0;
            for (int y = max(row, 0); y < min(row + at.kernel_rows, at.rows); y++)
                for (int x = max(column, 0); x < min(column + at.kernel_columns, at.columns); x++) {
                    sum += (float)from[(y * at.columns + x) * at.channels + channel];
                    taps++;
                }
            if (count_pads) taps = at.kernel_rows * at.kernel_columns;
            to[channel] = DIVIDE(sum, (float)taps);
        }
    }
}

// Where the elements of a part of the output come from: the host fills it with 32-bit integers
// in this order. Element (row, column, channel) of the part is element
// first + row * by_row + column * by_column + channel * by_channel of the input image.
typedef struct {
    int images;
    int rows, columns, channels;
    int first, by_row, by_column, by_channel;
    int input_elements, input_channels;
    int output_channels, output_first;
} source;

kernel void gather(
    global const ELEMENT *input, global ELEMENT *output, const source at, const int chunk
) {
    EACH(image, 2, at.images)
    EACH(pixel, 1, at.rows * at.columns)
    EACH(part, 0, (at.channels + chunk - 1) / chunk) {
        global const ELEMENT *from = input + (size_t)image * at.input_elements + at.first
                                     + pixel / at.columns * at.by_row
                                     + pixel % at.columns * at.by_column;
        global ELEMENT *to = output
                             + ((size_t)image * at.rows * at.columns + pixel) * at.output_channels
                             + at.output_first;
        for (int channel = part * chunk; channel < min(at.channels, (part + 1) * chunk); channel++)
            to[channel] = from[channel * at.by_channel];
    }
}

// The same on packed bits, bit by bit. The first word keeps the bits below the part, which an
// earlier launch has written; the bits above it become 0.
kernel void gather_bits(
    global const ulong *input, global ulong *output, const source at, const int chunk
) {
    const int input_words = words_of(at.input_channels);
    const int first_word = at.output_first / WORD_BITS;
    const int image_words = at.input_elements / at.input_channels * input_words;
    EACH(image, 2, at.images)
    EACH(pixel, 1, at.rows * at.columns)
    EACH(part, 0, words_of(at.output_first + at.channels) - first_word) {
        const int word = first_word + part;
        const int start = pixel / at.columns * at.by_row + pixel % at.columns * at.by_column;
        const int below = max(at.output_first - word * WORD_BITS, 0);
        const int above = min(at.output_first + at.channels - word * WORD_BITS, WORD_BITS);
        global const ulong *from = input + (size_t)image * image_words;
        global ulong *to = output
                           + ((size_t)image * at.rows * at.columns + pixel)
                                 * words_of(at.output_channels)
                           + word;
        ulong bits = below > 0 ? *to & low_bits(below) : 0;
        for (int bit = below; bit < above; bit++) {
            const int channel = word * WORD_BITS + bit - at.output_first;
            const int element = at.first + start + channel * at.by_channel;
            const int from_bit = element % at.input_channels;
            const ulong word_of_bit =
                from[element / at.input_channels * input_words + from_bit / WORD_BITS];
            bits |= (word_of_bit >> (from_bit % WORD_BITS) & 1) << bit;
        }
        *to = bits;
    }
}
