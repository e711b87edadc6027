#include "conv/border.h"

#include "core/memory.h"

/* Taps k with 0 <= output * stride + k * dilation - pad < extent. */
static bnn_taps inside(size_t output, size_t extent, size_t pad, size_t kernel, size_t stride,
                       size_t dilation)
{
    size_t start = output * stride;
    bnn_taps taps = {kernel, kernel};
    for (size_t k = 0; k < kernel; k++) {
        size_t at = start + k * dilation;
        bool within = at >= pad && at - pad < extent;
        if (within && taps.first == kernel)
            taps.first = k;
        if (!within && taps.first != kernel) {
            taps.end = k;
            break;
        }
    }
    return taps;
}

static size_t find(const bnn_border *border, bnn_taps taps)
{
    size_t i = 0;
    while (i < border->count &&
           (border->ranges[i].first != taps.first || border->ranges[i].end != taps.end))
        i++;
    return i;
}

bool bnn_border_create(bnn_border *border, size_t outputs, size_t extent, size_t pad,
                       size_t kernel, size_t stride, size_t dilation, bool zero_padding)
{
    border->count = 0;
    border->ranges = bnn_allocate(outputs * sizeof *border->ranges);
    border->of = bnn_allocate(outputs * sizeof *border->of);
    if (border->ranges == NULL || border->of == NULL)
        return false;
    for (size_t i = 0; i < outputs; i++) {
        bnn_taps taps = zero_padding ? inside(i, extent, pad, kernel, stride, dilation)
                                     : (bnn_taps){0, kernel};
        size_t class = find(border, taps);
        if (class > UINT16_MAX)
            return false;
        if (class == border->count)
            border->ranges[border->count++] = taps;
        border->of[i] = (uint16_t)class;
    }
    return true;
}

void bnn_border_destroy(bnn_border *border)
{
    free(border->ranges);
    free(border->of);
}
