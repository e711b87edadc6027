/* Float convolution: a tile is some windows of one output row x some vectors of filters.
 *
 * Lanes are filters, so every lane adds its products in the order that is defined: kernel row,
 * kernel column, input channel. Products and sums are rounded apart (never fused).
 */
#include "numbers/lanes.h"

/* A window reads `rows` kernel rows of `runs` runs of `count` taps that lie side by side; the
 * weights of a row follow each other, a block of filters a tap. */
typedef struct {
    const float *x;
    int64_t window_step; /* floats from one window to the next */
    const float *weight;
    const float *bias;
    float *y;
    int64_t y_step;  /* floats from one window to the next */
    int64_t filters; /* kept of a window's lanes */
    int64_t rows, row_step, weight_step;
    int64_t runs, run_step;
    int64_t count;
} conv_tile;

typedef void (*tile_function)(const conv_tile *tile);

/* Store the first `filters` of a window's sums. */
BNN_INLINE void store_sums(const vfloat *sums, size_t vectors, float *y, int64_t filters)
{
    if ((size_t)filters >= vectors * LANES) {
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            store(y + v * LANES, sums[v]);
    } else {
        memcpy(y, sums, (size_t)filters * sizeof(float));
    }
}

/* `windows` and `vectors` are constants after inlining: the sums stay in registers. */
BNN_INLINE void run_tile(const size_t windows, const size_t vectors, const conv_tile *tile)
{
    const int64_t window_step = tile->window_step, run_step = tile->run_step, runs = tile->runs;
    const int64_t count = tile->count;
    vfloat sums[TILE_VECTORS];
    BNN_UNROLL for (size_t i = 0; i < windows; i++)
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            sums[i * vectors + v] = load(tile->bias + v * LANES);
    for (int64_t row = 0; row < tile->rows; row++) {
        const float *weight = tile->weight + row * tile->weight_step;
        const float *x = tile->x + row * tile->row_step;
        for (int64_t run = 0; run < runs; run++, x += run_step) {
            for (int64_t tap = 0; tap < count; tap++, weight += vectors * LANES) {
                BNN_UNROLL for (size_t i = 0; i < windows; i++) {
                    const float value = x[i * window_step + tap];
                    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
                        sums[i * vectors + v] += load(weight + v * LANES) * value;
                }
            }
        }
    }
    BNN_UNROLL for (size_t i = 0; i < windows; i++)
        store_sums(sums + i * vectors, vectors, tile->y + i * tile->y_step, tile->filters);
}

/* More sums than fit into registers are never asked for. */
#define TILE(WINDOWS, VECTORS)                                                                \
    static void tile_##WINDOWS##x##VECTORS(const conv_tile *tile)                             \
    {                                                                                         \
        run_tile(WINDOWS * VECTORS <= TILE_VECTORS ? WINDOWS : 1, VECTORS, tile);             \
    }
#define TILES_6(V) TILE(1, V) TILE(2, V) TILE(3, V) TILE(4, V) TILE(5, V) TILE(6, V)
#define TILES_8(V) TILES_6(V) TILE(7, V) TILE(8, V)
#define TILES_12(V) TILES_8(V) TILE(9, V) TILE(10, V) TILE(11, V) TILE(12, V)
TILES_12(1)
TILES_12(2)
TILES_8(3)
TILES_6(4)
TILE(1, 5)
TILE(1, 6)
TILE(1, 7)
TILE(1, 8)
#undef TILES_12
#undef TILES_8
#undef TILES_6
#undef TILE

enum { TILE_WINDOWS = 12 };

#define TILES_6(V) tile_1x##V, tile_2x##V, tile_3x##V, tile_4x##V, tile_5x##V, tile_6x##V
#define TILES_8(V) TILES_6(V), tile_7x##V, tile_8x##V
#define TILES_12(V) TILES_8(V), tile_9x##V, tile_10x##V, tile_11x##V, tile_12x##V
/* By the vectors and by the windows, each less 1. */
static const tile_function tiles[BNN_CONV_VECTORS][TILE_WINDOWS] = {
    {TILES_12(1)}, {TILES_12(2)}, {TILES_8(3)}, {TILES_6(4)},
    {tile_1x5},    {tile_1x6},    {tile_1x7},   {tile_1x8},
};
#undef TILES_12
#undef TILES_8
#undef TILES_6

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

/* The windows first .. last - 1 of a row have no taps left or right of the input. */
static inline void whole_windows(const bnn_conv *conv, int64_t *first, int64_t *last)
{
    const int64_t reach = (conv->kernel[1] - 1) * conv->dilations[1];
    inside(-conv->pads[1], conv->strides[1], conv->windows[1], conv->width - reach, first, last);
}

/* How many of the windows that are left the next tile takes: no tile is to be a narrow one. */
static inline int64_t next_windows(int64_t left, int64_t most)
{
    if (left <= most)
        return left;
    return left < 2 * most ? (left + 1) / 2 : most;
}

static void conv_row(const bnn_conv *conv, const float *image, float *output, int64_t block,
                     int64_t row, int64_t first, int64_t last)
{
    const int64_t within = block % conv->blocks, group = block / conv->blocks;
    const int vectors = within + 1 < conv->blocks ? conv->vectors : conv->last_vectors;
    const int64_t lanes = vectors * LANES, skipped = within * conv->vectors * LANES;
    const int64_t filters = conv->filters / conv->groups, fitting = TILE_VECTORS / vectors;
    const int64_t most = fitting < TILE_WINDOWS ? fitting : TILE_WINDOWS;
    const int64_t taps = conv->kernel[0] * conv->kernel[1] * conv->inputs;
    const int64_t line = conv->width * conv->channels, tap_lanes = conv->inputs * lanes;
    const int64_t top = row * conv->strides[0] - conv->pads[0];
    const int joined = conv->dilations[1] == 1 && conv->inputs == conv->channels;
    const int64_t start = group * conv->group_lanes + skipped;
    const float *weight = conv->weight + start * taps;
    float *y = output + row * conv->windows[1] * conv->filters + group * filters + skipped;
    int64_t r0, r1, whole_first, whole_last;
    inside(top, conv->dilations[0], conv->kernel[0], conv->height, &r0, &r1);
    whole_windows(conv, &whole_first, &whole_last);
    const float *lines = image + (top + r0 * conv->dilations[0]) * line + group * conv->inputs;
    conv_tile at = {
        .window_step = conv->strides[1] * conv->channels,
        .bias = conv->bias + start,
        .y_step = conv->filters,
        .filters = filters - skipped,
        .rows = r1 - r0,
        .row_step = conv->dilations[0] * line,
        .weight_step = conv->kernel[1] * tap_lanes,
        .run_step = conv->dilations[1] * conv->channels,
    };
    for (int64_t column = first, count; column < last; column += count) {
        const int64_t left = column * conv->strides[1] - conv->pads[1];
        int64_t c0 = 0, c1 = conv->kernel[1];
        count = 1; /* at the border, where every window has taps of its own */
        if (column >= whole_first && column < whole_last)
            count = next_windows((last < whole_last ? last : whole_last) - column, most);
        else
            inside(left, conv->dilations[1], conv->kernel[1], conv->width, &c0, &c1);
        at.x = lines + (left + c0 * conv->dilations[1]) * conv->channels;
        at.weight = weight + (r0 * conv->kernel[1] + c0) * tap_lanes;
        at.y = y + column * conv->filters;
        at.runs = joined ? 1 : c1 - c0;
        at.count = joined ? (c1 - c0) * conv->inputs : conv->inputs;
        tiles[vectors - 1][count - 1](&at);
    }
}
