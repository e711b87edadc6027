/* Permutation of the axes of images. */
#include "numbers/check.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/split.h"

typedef struct {
    bnn_kernel base;
    bnn_split split;
    bnn_element element;
    size_t unit;       /* channels of the result that are shared out together */
    size_t batch;
    size_t extents[3]; /* of the result */
    size_t strides[3]; /* in the input, for a step along each axis of the result; in elements */
    size_t image;      /* elements of an image */
    size_t channels;   /* of the input */
    int innermost;     /* whether the channels stay innermost */
} transpose;

/* Channels of one pixel of the result, whose first lies at `from` in the input. */
#define COPY(NAME, T)                                                                       \
    static void NAME(const transpose *kernel, const void *input, size_t from, void *output, \
                     size_t first, size_t last)                                             \
    {                                                                                       \
        const T *x = (const T *)input + from;                                               \
        const size_t stride = kernel->strides[2];                                           \
        for (size_t channel = first; channel < last; channel++)                             \
            ((T *)output)[channel] = x[channel * stride];                                   \
    }
COPY(copy_bytes, uint8_t)
COPY(copy_words, uint32_t)
#undef COPY

/* The channels of the result are pixels of the input, always at the same channel, unless the
 * channels stay innermost: then whole words move. */
static void copy_bits(const transpose *kernel, const uint64_t *input, size_t from,
                      uint64_t *output, size_t first, size_t last)
{
    const size_t words = bnn_words(kernel->channels), channel = from % kernel->channels;
    const uint64_t *x = input + from / kernel->channels * words;
    if (kernel->innermost) {
        for (size_t word = first / BNN_WORD_BITS; word < bnn_words(last); word++)
            output[word] = x[word];
        return;
    }
    const size_t stride = kernel->strides[2] / kernel->channels * words;
    x += first * stride + channel / BNN_WORD_BITS;
    for (size_t i = first; i < last; i += BNN_WORD_BITS) {
        const size_t count = last - i < BNN_WORD_BITS ? last - i : BNN_WORD_BITS;
        uint64_t bits = 0;
        for (size_t bit = 0; bit < count; bit++, x += stride)
            bits |= (*x >> channel % BNN_WORD_BITS & 1) << bit;
        output[i / BNN_WORD_BITS] = bits;
    }
}

static size_t units(const transpose *kernel)
{
    return (kernel->extents[2] + kernel->unit - 1) / kernel->unit;
}

static void run_transpose(const bnn_kernel *self, const bnn_call *call)
{
    const transpose *kernel = (const transpose *)self;
    const size_t width = kernel->extents[1], pixels = kernel->extents[0] * width;
    const size_t out_words = bnn_words(kernel->extents[2]);
    const size_t in_words = kernel->image / kernel->channels * bnn_words(kernel->channels);
    const bnn_part mine =
        bnn_split_part(kernel->split, call->thread, kernel->batch, pixels, units(kernel));
    const size_t first = mine.z.begin * kernel->unit, end = mine.z.end * kernel->unit;
    const size_t last = end < kernel->extents[2] ? end : kernel->extents[2];
    for (size_t image = mine.x.begin; image < mine.x.end && first < last; image++)
        for (size_t pixel = mine.y.begin; pixel < mine.y.end; pixel++) {
            const size_t from = pixel / width * kernel->strides[0] +
                                pixel % width * kernel->strides[1];
            const size_t to = image * pixels + pixel;
            if (kernel->element == BNN_BIT) {
                copy_bits(kernel, (const uint64_t *)call->inputs[0] + image * in_words, from,
                          (uint64_t *)call->outputs[0] + to * out_words, first, last);
                continue;
            }
            const size_t bytes = bnn_element_bytes(kernel->element);
            char *output = (char *)call->outputs[0] + to * kernel->extents[2] * bytes;
            (bytes == 1 ? copy_bytes : copy_words)(kernel, call->inputs[0],
                                                   image * kernel->image + from, output, first,
                                                   last);
        }
}

static bnn_status check_transpose(const bnn_transpose_spec *spec, bnn_element element)
{
    const char *what = "transpose";
    bnn_status status = bnn_check_pointer(what, spec);
    if (status == BNN_OK)
        status = bnn_check_extents(what, &spec->batch, 1);
    if (status == BNN_OK)
        status = bnn_check_extents(what, spec->extents, 3);
    if (status != BNN_OK)
        return status;
    int met = 0;
    for (int i = 0; i < 3; i++)
        if (spec->order[i] >= 0 && spec->order[i] < 3)
            met |= 1 << spec->order[i];
    if (met != 7)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: %d %d %d is no order of three axes", what,
                        spec->order[0], spec->order[1], spec->order[2]);
    if (element != BNN_BIT && bnn_element_bytes(element) == 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: no element has code %d", what, (int)element);
    return BNN_OK;
}

bnn_status bnn_transpose_create(const bnn_transpose_spec *spec, bnn_element element,
                                const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_check_pointer("transpose", kernel);
    if (status == BNN_OK)
        *kernel = NULL;
    if (status == BNN_OK)
        status = check_transpose(spec, element);
    if (status == BNN_OK)
        status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    transpose *made = bnn_numbers_allocate("transpose", sizeof *made);
    if (made == NULL)
        return BNN_NO_MEMORY;
    made->base = (bnn_kernel){.run = run_transpose,
                              .destroy = bnn_kernel_free,
                              .phases = 1,
                              .threads = execution->threads};
    const int64_t *extents = spec->extents;
    const int64_t strides[3] = {extents[1] * extents[2], extents[2], 1};
    for (int i = 0; i < 3; i++) {
        made->extents[i] = (size_t)extents[spec->order[i]];
        made->strides[i] = (size_t)strides[spec->order[i]];
    }
    made->element = element;
    made->unit = element == BNN_BIT ? BNN_WORD_BITS : BNN_UNIT;
    made->batch = (size_t)spec->batch;
    made->image = (size_t)(extents[0] * extents[1] * extents[2]);
    made->channels = (size_t)extents[2];
    made->innermost = spec->order[2] == 2;
    made->split = bnn_split_choose(execution, made->batch, made->extents[0] * made->extents[1],
                                   units(made));
    *kernel = &made->base;
    return BNN_OK;
}
