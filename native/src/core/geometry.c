#include "core/geometry.h"

#include "core/error.h"
#include "core/memory.h"

enum { MOST_EXTENT = 1 << 24 };

/* The first of some extents that is not least .. MOST_EXTENT; `count` if there is none. */
static size_t find_unsound(const size_t *extents, size_t count, size_t least)
{
    size_t i = 0;
    while (i < count && extents[i] >= least && extents[i] <= MOST_EXTENT)
        i++;
    return i;
}

static bnn_status check_extents(const bnn_convolution *s, const char *owner)
{
    static const char *const names[] = {"batch",         "height",          "width",
                                        "channels",      "filters",         "kernel height",
                                        "kernel width",  "stride height",   "stride width",
                                        "dilation height", "dilation width", "groups"};
    static const char *const pad_names[] = {"top", "left", "bottom", "right"};
    const size_t extents[] = {s->batch,           s->height,         s->width,
                              s->channels,        s->filters,        s->kernel_height,
                              s->kernel_width,    s->stride_height,  s->stride_width,
                              s->dilation_height, s->dilation_width, s->groups};
    const size_t pads[] = {s->pad_top, s->pad_left, s->pad_bottom, s->pad_right};
    const size_t extent = find_unsound(extents, sizeof extents / sizeof *extents, 1);
    if (extent < sizeof extents / sizeof *extents)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: %s must be 1 to %d, not %zu", owner, names[extent],
                        MOST_EXTENT, extents[extent]);
    const size_t pad = find_unsound(pads, sizeof pads / sizeof *pads, 0);
    if (pad < sizeof pads / sizeof *pads)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: the pad at the %s must be 0 to %d, not %zu", owner,
                        pad_names[pad], MOST_EXTENT, pads[pad]);
    return BNN_OK;
}

static bool fits(size_t a, size_t b, size_t c, size_t d)
{
    size_t product = a;
    return bnn_multiply(&product, b) && bnn_multiply(&product, c) && bnn_multiply(&product, d);
}

/* Outputs along one axis; 0 if not even one window fits. */
static size_t outputs(size_t padded, size_t kernel, size_t stride, size_t dilation)
{
    size_t reach = dilation * (kernel - 1) + 1;
    return reach > padded ? 0 : (padded - reach) / stride + 1;
}

bnn_status bnn_geometry_create(const bnn_convolution *shape, const char *owner,
                               bnn_geometry *geometry)
{
    if (shape == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: no shape is given", owner);
    const bnn_convolution s = *shape;
    const bnn_status status = check_extents(shape, owner);
    if (status != BNN_OK)
        return status;
    if (s.channels % s.groups != 0 || s.filters % s.groups != 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: %zu channels and %zu filters do not divide by %zu",
                        owner, s.channels, s.filters, s.groups);
    size_t padded_height = s.height + s.pad_top + s.pad_bottom;
    size_t padded_width = s.width + s.pad_left + s.pad_right;
    size_t out_height =
        outputs(padded_height, s.kernel_height, s.stride_height, s.dilation_height);
    size_t out_width = outputs(padded_width, s.kernel_width, s.stride_width, s.dilation_width);
    if (out_height == 0 || out_width == 0)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: a window is larger than the padded input", owner);
    if (!fits(s.batch, padded_height, padded_width, s.channels) ||
        !fits(s.batch, out_height, out_width, s.filters) ||
        !fits(s.filters, s.kernel_height, s.kernel_width, s.channels))
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: more than 2^40 elements", owner);
    *geometry = (bnn_geometry){
        .shape = s,
        .out_height = out_height,
        .out_width = out_width,
        .padded = (s.pad_top | s.pad_left | s.pad_bottom | s.pad_right) != 0,
    };
    return BNN_OK;
}

size_t bnn_geometry_rows(const bnn_geometry *geometry, size_t rows)
{
    const bnn_convolution *s = &geometry->shape;
    return (rows - 1) * s->stride_height + (s->kernel_height - 1) * s->dilation_height + 1;
}

void bnn_band_fill(const bnn_band *band, bnn_range rows, const void *image, void *memory)
{
    const bnn_convolution *s = &band->geometry->shape;
    const size_t first = rows.begin * s->stride_height;
    const size_t count = bnn_geometry_rows(band->geometry, rows.end - rows.begin);
    const size_t left = s->pad_left * band->pixel_bytes;
    const size_t right = s->pad_right * band->pixel_bytes;
    char *to = memory;
    for (size_t row = first; row < first + count; row++, to += band->row_bytes) {
        if (row < s->pad_top || row >= s->pad_top + s->height) {
            memcpy(to, band->padding, band->row_bytes);
            continue;
        }
        const char *source = (const char *)image + (row - s->pad_top) * band->source_row_bytes;
        memcpy(to, band->padding, left);
        band->copy_row(band->context, source, to + left);
        memcpy(to + band->row_bytes - right, band->padding, right);
    }
}
