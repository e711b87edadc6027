/* Pooling of bits. */
#include "core/bits.h"
#include "core/error.h"
#include "core/geometry.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/unroll.h"
#include "pool/word.h"

typedef struct {
    bnn_kernel base;
    bnn_geometry geometry;
    bnn_split split;
    size_t words;
    uint64_t minimum[]; /* channels that take the smallest */
} pool;

/* Taps of one axis inside the input, as positions. */
static bnn_range taps(size_t output, size_t stride, size_t pad, size_t kernel, size_t extent)
{
    size_t begin = output * stride, end = begin + kernel;
    begin = begin < pad ? 0 : begin - pad;
    end = end < pad ? 0 : end - pad;
    return (bnn_range){begin, end < extent ? end : extent};
}

/* One pixel of a window of height x width taps, whose first word is `from`. */
BNN_INLINE void pool_pixel(const pool *self, const uint64_t *from, size_t height, size_t width,
                           uint64_t *to)
{
    const size_t words = self->words, row = self->geometry.shape.width * words;
    for (size_t w = 0; w < words; w++)
        to[w] = bnn_pool_word(from + w, row, words, height, width, self->minimum[w]);
}

/* A row of windows that lie inside the input. */
BNN_INLINE void pool_row(const pool *self, const uint64_t *from, size_t height, size_t width,
                         uint64_t *to)
{
    const size_t step = self->geometry.shape.stride_width * self->words;
    for (size_t x = 0; x < self->geometry.out_width; x++, from += step, to += self->words)
        pool_pixel(self, from, height, width, to);
}

/* Any row: `image` is the input, `rows` those of its rows that the windows reach. */
static void pool_border_row(const pool *self, const uint64_t *image, bnn_range rows, uint64_t *to)
{
    const bnn_convolution *s = &self->geometry.shape;
    for (size_t x = 0; x < self->geometry.out_width; x++, to += self->words) {
        bnn_range columns = taps(x, s->stride_width, s->pad_left, s->kernel_width, s->width);
        const uint64_t *from = image + (rows.begin * s->width + columns.begin) * self->words;
        pool_pixel(self, from, rows.end - rows.begin, columns.end - columns.begin, to);
    }
}

static void run(const bnn_kernel *kernel, const bnn_call *call)
{
    const pool *self = (const pool *)kernel;
    const bnn_geometry *g = &self->geometry;
    const bnn_convolution *s = &g->shape;
    const bnn_part part = bnn_split_part(self->split, call->thread, s->batch, g->out_height, 1);
    for (size_t n = part.x.begin; n < part.x.end; n++) {
        const uint64_t *image =
            (const uint64_t *)call->inputs[0] + n * s->height * s->width * self->words;
        uint64_t *out = (uint64_t *)call->outputs[0] +
                        n * g->out_height * g->out_width * self->words;
        for (size_t y = part.y.begin; y < part.y.end; y++) {
            uint64_t *to = out + y * g->out_width * self->words;
            const uint64_t *from = image + y * s->stride_height * s->width * self->words;
            if (g->padded)
                pool_border_row(
                    self, image,
                    taps(y, s->stride_height, s->pad_top, s->kernel_height, s->height), to);
            else if (s->kernel_height == 2 && s->kernel_width == 2)
                pool_row(self, from, 2, 2, to); /* unrolled: the pooling of most networks */
            else
                pool_row(self, from, s->kernel_height, s->kernel_width, to);
        }
    }
}

bnn_status bnn_bit_pool_create(const bnn_convolution *shape, const uint8_t *minimum,
                               const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    if (shape == NULL || kernel == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "pooling of bits: no shape is given");
    bnn_convolution window = *shape;
    window.filters = window.channels;
    window.dilation_height = window.dilation_width = window.groups = 1;
    bnn_geometry geometry;
    status = bnn_geometry_create(&window, "pooling of bits", &geometry);
    if (status != BNN_OK)
        return status;
    if (window.pad_top >= window.kernel_height || window.pad_bottom >= window.kernel_height ||
        window.pad_left >= window.kernel_width || window.pad_right >= window.kernel_width)
        return bnn_fail(BNN_BAD_ARGUMENT, "pooling of bits: a pad is as large as the window");
    const size_t words = bnn_words(window.channels);
    pool *self = bnn_allocate(sizeof *self + words * sizeof(uint64_t));
    if (self == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a pooling layer");
    self->base = (bnn_kernel){
        .run = run,
        .destroy = bnn_kernel_free,
        .weight_bytes = words * sizeof(uint64_t),
        .phases = 1,
        .threads = execution->threads,
    };
    self->geometry = geometry;
    self->words = words;
    self->split = bnn_split_choose(execution, window.batch, geometry.out_height, 1);
    for (size_t c = 0; minimum != NULL && c < window.channels; c++)
        self->minimum[c / BNN_WORD_BITS] |= (uint64_t)(minimum[c] != 0) << c % BNN_WORD_BITS;
    *kernel = &self->base;
    return BNN_OK;
}
