// The host puts this file in front of every other.
//
// Every kernel runs over images (axis 2), windows (axis 1) and neurons or channels (axis 0) in
// loops that stride by the global size. So one compiled kernel serves every configuration: where
// the host launches one work-item along an axis, that axis is a loop inside the kernel.

#pragma OPENCL FP_CONTRACT OFF

#define EACH(index, axis, extent) \
    for (int index = (int)get_global_id(axis); index < (extent); index += (int)get_global_size(axis))

#define WORD_BITS 64

#ifdef DIVIDE_IN_DOUBLE
// Correctly rounded: a double has more than twice the digits of a float.
#define DIVIDE(a, b) ((float)((double)(a) / (double)(b)))
#else
#define DIVIDE(a, b) ((a) / (b))
#endif

// A sliding window over images; the host fills it with 32-bit integers in this order.
typedef struct {
    int images;
    int rows, columns, channels;
    int out_rows, out_columns, out_channels;
    int kernel_rows, kernel_columns;
    int stride_rows, stride_columns;
    int pad_top, pad_left;
    int dilation_rows, dilation_columns;
    int groups;
} window;

int words_of(int channels) { return (channels + WORD_BITS - 1) / WORD_BITS; }

// Bits 0 .. count - 1; all of them for a count of a word or more.
ulong low_bits(int count) { return count >= WORD_BITS ? ~0UL : (1UL << count) - 1UL; }

// Row and column of the first tap of a window; they may lie outside the image.
int2 origin_of(const window *at, int pixel) {
    return (int2)(pixel / at->out_columns * at->stride_rows - at->pad_top,
                  pixel % at->out_columns * at->stride_columns - at->pad_left);
}

int is_inside(const window *at, int row, int column) {
    return row >= 0 && row < at->rows && column >= 0 && column < at->columns;
}

// Whether all taps of the window that begins at `origin` lie inside the image.
int is_whole(const window *at, int2 origin) {
    return is_inside(at, origin.x, origin.y)
           && is_inside(at, origin.x + (at->kernel_rows - 1) * at->dilation_rows,
                        origin.y + (at->kernel_columns - 1) * at->dilation_columns);
}

#ifdef PIXELS
// Where the windows of a tile begin in the image, and where the weights of its chunks do. What a
// tile has beyond the last window or chunk repeats the last one. Returns whether no window
// reaches over the border.
int place_tile(
    const window *at, int first_pixel, int first_chunk, int chunk_size, int2 origin[PIXELS],
    int own[CHUNKS]
) {
    int inner = 1;
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
        origin[p] = origin_of(at, min(first_pixel + p, at->out_rows * at->out_columns - 1));
        inner &= is_whole(at, origin[p]);
    }
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
        own[c] = min(first_chunk + c, (at->out_channels - 1) / 8) * chunk_size;
    return inner;
}
#endif
