/* Float convolution: a tile is some windows of one output row x some vectors of filters.
 *
 * Lanes are filters, so every lane adds its products in the order that is defined: kernel row,
 * kernel column, input channel. Products and sums are rounded apart (never fused).
 */
#include "numbers/lanes.h"

/* Add taps to the sums [window][vector] of some windows: `rows` runs, row_step apart in the input,
 * of `count` taps that lie side by side. The weights of all of them follow each other. */
typedef void (*taps_function)(vfloat *sums, const float *x, int64_t window_step,
                              const float *weight, int64_t rows, int64_t row_step, int64_t count);

/* `windows` and `vectors` are constants after inlining: the sums stay in registers. */
BNN_INLINE void add_taps(int windows, int vectors, vfloat *sums, const float *x,
                         int64_t window_step, const float *weight, int64_t rows, int64_t row_step,
                         int64_t count)
{
    vfloat kept[TILE_VECTORS];
    BNN_UNROLL for (int i = 0; i < windows; i++)
        BNN_UNROLL for (int v = 0; v < vectors; v++)
            kept[i * vectors + v] = sums[i * vectors + v];
    for (int64_t row = 0; row < rows; row++, x += row_step) {
        for (int64_t tap = 0; tap < count; tap++, weight += vectors * LANES) {
            BNN_UNROLL for (int i = 0; i < windows; i++) {
                const float value = x[i * window_step + tap];
                BNN_UNROLL for (int v = 0; v < vectors; v++)
                    kept[i * vectors + v] += load(weight + v * LANES) * value;
            }
        }
    }
    BNN_UNROLL for (int i = 0; i < windows; i++)
        BNN_UNROLL for (int v = 0; v < vectors; v++)
            sums[i * vectors + v] = kept[i * vectors + v];
}

/* More windows than fit into registers are never asked for. */
#define TAPS(WINDOWS, VECTORS)                                                              \
    static void taps_##WINDOWS##x##VECTORS(vfloat *sums, const float *x, int64_t step,      \
                                           const float *weight, int64_t rows,               \
                                           int64_t row_step, int64_t count)                 \
    {                                                                                       \
        enum {                                                                              \
            FITTING = TILE_VECTORS / VECTORS,                                               \
            COUNT = WINDOWS < FITTING ? WINDOWS : FITTING                                   \
        };                                                                                  \
        add_taps(COUNT, VECTORS, sums, x, step, weight, rows, row_step, count);             \
    }
#define TAPS_OF_ALL_WINDOWS(VECTORS)                                                        \
    TAPS(1, VECTORS)                                                                        \
    TAPS(2, VECTORS)                                                                        \
    TAPS(3, VECTORS)                                                                        \
    TAPS(4, VECTORS)                                                                        \
    TAPS(5, VECTORS)                                                                        \
    TAPS(6, VECTORS)
TAPS_OF_ALL_WINDOWS(1)
TAPS_OF_ALL_WINDOWS(2)
TAPS_OF_ALL_WINDOWS(4)
TAPS_OF_ALL_WINDOWS(8)
#undef TAPS_OF_ALL_WINDOWS
#undef TAPS

enum { TILE_WINDOWS = 6 };

#define TAPS(VECTORS)                                                                       \
    {NULL, taps_1x##VECTORS, taps_2x##VECTORS, taps_3x##VECTORS,                            \
     taps_4x##VECTORS, taps_5x##VECTORS, taps_6x##VECTORS}
/* By the logarithm of the vectors and by the windows. */
static const taps_function all_taps[4][TILE_WINDOWS + 1] = {TAPS(1), TAPS(2), TAPS(4), TAPS(8)};
#undef TAPS

/* Of `count` places start, start + step, ... those first .. last - 1 lie in 0 .. extent - 1. */
static inline void inside(int64_t start, int64_t step, int64_t count, int64_t extent,
                          int64_t *first, int64_t *last)
{
    const int64_t room = extent - start;
    *first = start >= 0 ? 0 : (step - 1 - start) / step;
    *last = room <= 0 ? 0 : (room + step - 1) / step;
    if (*last > count)
        *last = count;
    if (*first > *last)
        *first = *last;
}

/* What a tile's windows read: input places are columns of one group's channels. */
typedef struct {
    const taps_function *taps; /* by the windows */
    const float *input;
    const float *weight;
    vfloat *sums;
    int64_t windows;
    int64_t left; /* column of the first window's first tap */
} tile;

/* One kernel row of a tile that reaches over the border: tap by tap, for the windows inside. */
static void add_border(const bnn_conv *conv, const tile *at, const float *line,
                       const float *weight)
{
    const int64_t step = conv->strides[1], lanes = conv->vectors * LANES;
    for (int64_t c = 0; c < conv->kernel[1]; c++, weight += conv->inputs * lanes) {
        const int64_t column = at->left + c * conv->dilations[1];
        int64_t first, last;
        inside(column, step, at->windows, conv->width, &first, &last);
        if (first < last)
            at->taps[last - first](at->sums + first * conv->vectors,
                                   line + (column + first * step) * conv->channels,
                                   step * conv->channels, weight, 1, 0, conv->inputs);
    }
}

static void add_tile(const bnn_conv *conv, const tile *at, int64_t row)
{
    const int64_t run = conv->kernel[1] * conv->inputs, lanes = conv->vectors * LANES;
    const int64_t step = conv->strides[1], window_step = step * conv->channels;
    const int64_t reach = (conv->kernel[1] - 1) * conv->dilations[1];
    const int64_t top = row * conv->strides[0] - conv->pads[0];
    const int64_t line = conv->width * conv->channels, down = conv->dilations[0] * line;
    const int whole = at->left >= 0 && at->left + (at->windows - 1) * step + reach < conv->width;
    const int joined = conv->dilations[1] == 1 && conv->inputs == conv->channels;
    int64_t first, last;
    inside(top, conv->dilations[0], conv->kernel[0], conv->height, &first, &last);
    const float *input = at->input + top * line;
    if (whole && joined) {
        at->taps[at->windows](at->sums, input + first * down + at->left * conv->channels,
                              window_step, at->weight + first * run * lanes, last - first, down,
                              run);
        return;
    }
    for (int64_t r = first; r < last; r++) {
        const float *weight = at->weight + r * run * lanes;
        if (whole)
            at->taps[at->windows](at->sums, input + r * down + at->left * conv->channels,
                                  window_step, weight, conv->kernel[1],
                                  conv->dilations[1] * conv->channels, conv->inputs);
        else
            add_border(conv, at, input + r * down, weight);
    }
}

/* Store the first `filters` of a window's sums. */
BNN_INLINE void store_sums(const vfloat *sums, int vectors, float *y, int64_t filters)
{
    if (filters >= vectors * LANES) {
        for (int v = 0; v < vectors; v++)
            store(y + v * LANES, sums[v]);
    } else {
        memcpy(y, sums, (size_t)filters * sizeof(float));
    }
}

static void conv_row(const bnn_conv *conv, const float *image, float *output, int64_t block,
                     int64_t row, int64_t first, int64_t last)
{
    const int vectors = conv->vectors;
    const int64_t lanes = vectors * LANES, fitting = TILE_VECTORS / vectors;
    const int64_t most = fitting < TILE_WINDOWS ? fitting : TILE_WINDOWS;
    const int64_t group = block / conv->blocks, skipped = block % conv->blocks * lanes;
    const int64_t filters = conv->filters / conv->groups;
    const float *bias = conv->bias + block * lanes;
    float *y = output + row * conv->windows[1] * conv->filters + group * filters + skipped;
    vfloat sums[TILE_VECTORS];
    tile at = {
        .taps = all_taps[__builtin_ctz((unsigned)vectors)],
        .input = image + group * conv->inputs,
        .weight = conv->weight + block * conv->kernel[0] * conv->kernel[1] * conv->inputs * lanes,
        .sums = sums,
    };
    for (int64_t column = first; column < last; column += at.windows) {
        at.windows = last - column < most ? last - column : most;
        at.left = column * conv->strides[1] - conv->pads[1];
        for (int64_t i = 0; i < at.windows; i++)
            for (int v = 0; v < vectors; v++)
                sums[i * vectors + v] = load(bias + v * LANES);
        add_tile(conv, &at, row);
        for (int64_t i = 0; i < at.windows; i++)
            store_sums(sums + i * vectors, vectors, y + (column + i) * conv->filters,
                       filters - skipped);
    }
}
