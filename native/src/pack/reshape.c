/* Bits in pixels of another number of channels, and plain copies. */
#include "core/bits.h"
#include "core/error.h"
#include "core/kernel_base.h"
#include "core/memory.h"
#include "core/split.h"

#include <bnnplan/binary.h>

typedef struct {
    bnn_kernel base;
    size_t batch, pixels, channels, new_pixels, new_channels;
} reshape;

/* Append n bits, 1 <= n <= 64, at bit `at` of zeroed words. */
static void put_bits(uint64_t *words, size_t at, uint64_t bits, size_t n)
{
    size_t word = at / BNN_WORD_BITS, shift = at % BNN_WORD_BITS;
    words[word] |= bits << shift;
    if (shift + n > BNN_WORD_BITS)
        words[word + 1] |= bits >> (BNN_WORD_BITS - shift);
}

/* The longest pieces that lie in one word on both sides of the gaps. */
static void reshape_image(const reshape *self, const uint64_t *from, uint64_t *to)
{
    const size_t from_words = bnn_words(self->channels), to_words = bnn_words(self->new_channels);
    const size_t bits = self->pixels * self->channels;
    memset(to, 0, self->new_pixels * to_words * sizeof *to);
    for (size_t done = 0; done < bits;) {
        size_t channel = done % self->channels, new_channel = done % self->new_channels;
        size_t left = self->channels - channel, room = self->new_channels - new_channel;
        size_t n = left < room ? left : room;
        n = n < BNN_WORD_BITS ? n : BNN_WORD_BITS;
        const uint64_t *pixel = from + done / self->channels * from_words;
        uint64_t *new_pixel = to + done / self->new_channels * to_words;
        put_bits(new_pixel, new_channel, bnn_get_bits(pixel, channel, n), n);
        done += n;
    }
}

static void run_reshape(const bnn_kernel *kernel, const bnn_call *call)
{
    const reshape *self = (const reshape *)kernel;
    const bnn_range images =
        bnn_share(self->batch, (size_t)call->thread, (size_t)call->threads);
    for (size_t n = images.begin; n < images.end; n++)
        reshape_image(self,
                      (const uint64_t *)call->inputs[0] +
                          n * self->pixels * bnn_words(self->channels),
                      (uint64_t *)call->outputs[0] +
                          n * self->new_pixels * bnn_words(self->new_channels));
}

bnn_status bnn_bit_reshape_create(size_t batch, size_t pixels, size_t channels,
                                  size_t new_pixels, size_t new_channels,
                                  const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    size_t bits = pixels, new_bits = new_pixels, all = batch;
    if (batch < 1 || channels < 1 || new_channels < 1 || !bnn_multiply(&bits, channels) ||
        !bnn_multiply(&new_bits, new_channels) || bits != new_bits || bits == 0 ||
        !bnn_multiply(&all, bits) || kernel == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT,
                        "reshape of bits: %zu x %zu bits do not become %zu x %zu", pixels,
                        channels, new_pixels, new_channels);
    if (channels == new_channels ||
        (channels % BNN_WORD_BITS == 0 && new_channels % BNN_WORD_BITS == 0))
        return bnn_copy_create(batch * pixels * bnn_words(channels) * sizeof(uint64_t), execution,
                               kernel);
    reshape *self = bnn_allocate(sizeof *self);
    if (self == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a reshape of bits");
    *self = (reshape){
        {.run = run_reshape,
         .destroy = bnn_kernel_free,
         .phases = 1,
         .threads = execution->threads},
        batch,
        pixels,
        channels,
        new_pixels,
        new_channels,
    };
    *kernel = &self->base;
    return BNN_OK;
}

typedef struct {
    bnn_kernel base;
    size_t bytes;
} copy;

static void run_copy(const bnn_kernel *kernel, const bnn_call *call)
{
    const bnn_range part = bnn_share(((const copy *)kernel)->bytes, (size_t)call->thread,
                                      (size_t)call->threads);
    memcpy((char *)call->outputs[0] + part.begin, (const char *)call->inputs[0] + part.begin,
           part.end - part.begin);
}

bnn_status bnn_copy_create(size_t bytes, const bnn_execution *execution, bnn_kernel **kernel)
{
    bnn_isa isa;
    bnn_status status = bnn_execution_check(execution, &isa);
    if (status != BNN_OK)
        return status;
    if (bytes < 1 || kernel == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "copy: there are no bytes to copy");
    copy *self = bnn_allocate(sizeof *self);
    if (self == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a copy");
    *self = (copy){{.run = run_copy,
                    .destroy = bnn_kernel_free,
                    .phases = 1,
                    .threads = execution->threads},
                   bytes};
    *kernel = &self->base;
    return BNN_OK;
}
