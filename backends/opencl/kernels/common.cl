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

inline int words_of(int channels) { return (channels + WORD_BITS - 1) / WORD_BITS; }

// Bits 0 .. count - 1; all of them for a count of a word or more.
inline ulong low_bits(int count) { return count >= WORD_BITS ? ~0UL : (1UL << count) - 1UL; }

inline int inside(const window *at, int row, int column) {
    return row >= 0 && row < at->rows && column >= 0 && column < at->columns;
}
