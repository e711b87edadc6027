/* Concatenation and splitting along the channels, of numbers and of bits. */
#include <string.h>

#include "numbers/check.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/split.h"

/* One of the smaller tensors: the channels that it has in the joined one. */
typedef struct {
    size_t first;
    size_t channels;
    bnn_split split; /* of the tensor that is written */
} part;

typedef struct {
    bnn_kernel base;
    size_t batch;
    size_t pixels;
    size_t channels; /* of the joined tensor */
    size_t bytes;    /* of an element; 0 for bits */
    size_t unit;     /* channels that are shared out together */
    int cutting;     /* from the joined tensor, rather than into it */
    int count;
    part parts[];
} join;

/* Or `count` bits into words that are 0 there. */
static void put_bits(uint64_t *target, size_t to, const uint64_t *source, size_t from,
                     size_t count)
{
    while (count > 0) {
        const size_t room = BNN_WORD_BITS - to % BNN_WORD_BITS;
        const size_t taken = count < room ? count : room;
        target[to / BNN_WORD_BITS] |= bnn_get_bits(source, from, taken) << to % BNN_WORD_BITS;
        to += taken;
        from += taken;
        count -= taken;
    }
}

/* Copy `count` channels of some pixels that lie one after the other. */
static void copy_pixels(const join *kernel, const void *source, size_t source_channels,
                        size_t from, void *target, size_t target_channels, size_t to,
                        size_t pixel, size_t pixels, size_t count)
{
    if (kernel->bytes == 0) {
        const size_t source_words = bnn_words(source_channels);
        const size_t target_words = bnn_words(target_channels);
        const uint64_t *x = (const uint64_t *)source + pixel * source_words;
        uint64_t *y = (uint64_t *)target + pixel * target_words;
        for (size_t i = 0; i < pixels; i++, x += source_words, y += target_words)
            put_bits(y, to, x, from, count);
        return;
    }
    const size_t bytes = kernel->bytes;
    const char *x = (const char *)source + (pixel * source_channels + from) * bytes;
    char *y = (char *)target + (pixel * target_channels + to) * bytes;
    for (size_t i = 0; i < pixels; i++) {
        memcpy(y, x, count * bytes);
        x += source_channels * bytes;
        y += target_channels * bytes;
    }
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void clear_words(void *target, size_t words, size_t pixel, size_t pixels, bnn_range range)
{
    const size_t count = range.end - range.begin;
    uint64_t *first = (uint64_t *)target + pixel * words + range.begin;
    if (count == words) {
        memset(first, 0, pixels * words * sizeof *first);
        return;
    }
    for (size_t i = 0; i < pixels; i++)
        memset(first + i * words, 0, count * sizeof *first);
}

/* A thread's share of what goes from or to one part. */
static void run_part(const join *kernel, const bnn_call *call, int index)
{
    const part *small = &kernel->parts[index];
    const size_t written = kernel->cutting ? small->channels : kernel->channels;
    const size_t units = (written + kernel->unit - 1) / kernel->unit;
    const bnn_part mine =
        bnn_split_part(small->split, call->thread, kernel->batch, kernel->pixels, units);
    const size_t begin = mine.z.begin * kernel->unit;
    const size_t end = smaller(mine.z.end * kernel->unit, written);
    const size_t rows = mine.y.end - mine.y.begin;
    const void *source = call->inputs[kernel->cutting ? 0 : index];
    void *target = call->outputs[kernel->cutting ? index : 0];
    for (size_t image = mine.x.begin; image < mine.x.end && begin < end; image++) {
        const size_t pixel = image * kernel->pixels + mine.y.begin;
        if (kernel->bytes == 0 && (kernel->cutting || index == 0))
            clear_words(target, bnn_words(written), pixel, rows, mine.z);
        if (kernel->cutting) {
            copy_pixels(kernel, source, kernel->channels, small->first + begin, target, written,
                        begin, pixel, rows, end - begin);
            continue;
        }
        const size_t first = larger(begin, small->first);
        const size_t last = smaller(end, small->first + small->channels);
        if (first < last)
            copy_pixels(kernel, source, small->channels, first - small->first, target, written,
                        first, pixel, rows, last - first);
    }
}

static void run_join(const bnn_kernel *self, const bnn_call *call)
{
    const join *kernel = (const join *)self;
    for (int i = 0; i < kernel->count; i++)
        run_part(kernel, call, i);
}

static bnn_status check_join(const char *what, const bnn_tensor_spec *spec, bnn_element element,
                             const int64_t *channels, int count)
{
    bnn_status status = bnn_check_tensor(what, spec);
    if (status == BNN_OK)
        status = bnn_check_pointer(what, channels);
    if (status != BNN_OK)
        return status;
    if (element != BNN_BIT && bnn_element_bytes(element) == 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: no element has code %d", what, (int)element);
    int64_t sum = 0;
    for (int i = 0; i < count && status == BNN_OK; i++) {
        status = bnn_check_extents(what, &channels[i], 1);
        sum += channels[i];
    }
    if (status == BNN_OK && (count < 1 || sum != spec->channels))
        status = bnn_fail(BNN_BAD_ARGUMENT, "%s: %d parts of %lld channels do not make %lld", what,
                          count, (long long)sum, (long long)spec->channels);
    return status;
}

static bnn_status create(const char *what, const bnn_tensor_spec *spec, bnn_element element,
                         const int64_t *channels, int count, int cutting,
                         const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_check_pointer(what, kernel);
    if (status == BNN_OK)
        *kernel = NULL;
    if (status == BNN_OK)
        status = check_join(what, spec, element, channels, count);
    if (status == BNN_OK)
        status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    join *made = bnn_numbers_allocate(what, sizeof *made + (size_t)count * sizeof(part));
    if (made == NULL)
        return BNN_NO_MEMORY;
    made->base = (bnn_kernel){.run = run_join,
                              .destroy = bnn_kernel_free,
                              .phases = 1,
                              .threads = execution->threads};
    made->batch = (size_t)spec->batch;
    made->pixels = (size_t)spec->pixels;
    made->channels = (size_t)spec->channels;
    made->bytes = bnn_element_bytes(element);
    made->unit = element == BNN_BIT ? BNN_WORD_BITS : BNN_UNIT;
    made->cutting = cutting;
    made->count = count;
    size_t first = 0;
    for (int i = 0; i < count; i++) {
        const size_t size = (size_t)channels[i], written = cutting ? size : made->channels;
        const size_t units = (written + made->unit - 1) / made->unit;
        made->parts[i] = (part){
            first, size, bnn_split_choose(execution, made->batch, made->pixels, units)};
        first += size;
    }
    *kernel = &made->base;
    return BNN_OK;
}

bnn_status bnn_concat_create(const bnn_tensor_spec *spec, bnn_element element,
                             const int64_t *channels, int count, const bnn_execution *execution,
                             bnn_kernel **kernel)
{
    return create("concat", spec, element, channels, count, 0, execution, kernel);
}

bnn_status bnn_split_create(const bnn_tensor_spec *spec, bnn_element element,
                            const int64_t *channels, int count, const bnn_execution *execution,
                            bnn_kernel **kernel)
{
    return create("split", spec, element, channels, count, 1, execution, kernel);
}
