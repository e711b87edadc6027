#include "numbers/check.h"

#include "core/error.h"
#include "core/memory.h"

bnn_status bnn_check_extents(const char *what, const int64_t *extents, int count)
{
    int64_t product = 1;
    for (int i = 0; i < count; i++) {
        if (extents[i] < 1)
            return bnn_fail(BNN_BAD_ARGUMENT, "%s: extent %lld must be at least 1", what,
                            (long long)extents[i]);
        if (__builtin_mul_overflow(product, extents[i], &product) || product > INT32_MAX)
            return bnn_fail(BNN_BAD_ARGUMENT, "%s: more than 2^31 elements", what);
    }
    return BNN_OK;
}

bnn_status bnn_check_pointer(const char *what, const void *pointer)
{
    if (pointer == NULL) return bnn_fail(BNN_BAD_ARGUMENT, "%s: an argument is NULL", what);
    return BNN_OK;
}

bnn_status bnn_check_tensor(const char *what, const bnn_tensor_spec *spec)
{
    bnn_status status = bnn_check_pointer(what, spec);
    if (status != BNN_OK) return status;
    int64_t image[] = {spec->pixels, spec->channels};
    status = bnn_check_extents(what, &spec->batch, 1);
    return status != BNN_OK ? status : bnn_check_extents(what, image, 2);
}

static bnn_status check_axis(const char *what, const bnn_window_spec *spec, int axis,
                             int64_t extent, int64_t *windows) {
    int64_t before = spec->pads[axis], after = spec->pads[axis + 2];
    if (before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: pads %lld and %lld must be 0 to 2^31 - 1", what,
                        (long long)before, (long long)after);
    int64_t padded = extent + before + after;
    int64_t reach = spec->dilations[axis] * (spec->kernel[axis] - 1) + 1;
    if (reach > padded)
        return bnn_fail(BNN_BAD_ARGUMENT, "%s: a window of %lld does not fit %lld padded elements",
                        what, (long long)reach, (long long)padded);
    *windows = (padded - reach) / spec->strides[axis] + 1;
    return BNN_OK;
}

bnn_status bnn_check_window(const char *what, const bnn_window_spec *spec, int64_t windows[2])
{
    bnn_status status = bnn_check_pointer(what, spec);
    if (status != BNN_OK) return status;
    int64_t image[] = {spec->height, spec->width, spec->channels};
    status = bnn_check_extents(what, &spec->batch, 1);
    if (status == BNN_OK) status = bnn_check_extents(what, image, 3);
    if (status == BNN_OK) status = bnn_check_extents(what, spec->kernel, 2);
    if (status == BNN_OK) status = bnn_check_extents(what, spec->strides, 2);
    if (status == BNN_OK) status = bnn_check_extents(what, spec->dilations, 2);
    if (status == BNN_OK) status = check_axis(what, spec, 0, spec->height, &windows[0]);
    if (status == BNN_OK) status = check_axis(what, spec, 1, spec->width, &windows[1]);
    return status;
}

void *bnn_numbers_allocate(const char *what, size_t bytes)
{
    void *memory = bnn_allocate(bytes);
    if (memory == NULL)
        bnn_fail(BNN_NO_MEMORY, "%s: no memory for %zu bytes", what, bytes);
    return memory;
}

size_t bnn_element_bytes(bnn_element element)
{
    switch (element) {
        case BNN_UINT8:
        case BNN_INT8: return 1;
        case BNN_INT32:
        case BNN_FLOAT32: return 4;
        default: return 0;
    }
}
