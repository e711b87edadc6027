#include "core/split.h"

#include "core/memory.h"

/* Neighbouring windows of whole pixels are read and written where the layer before and the layer
 * after keep them too: for that the busiest thread may have so much more work, as a part of it. */
enum { TOLERANCE = 16 };

static size_t most(size_t n, size_t parts)
{
    return (n + parts - 1) / parts;
}

bnn_split bnn_split_choose(const bnn_execution *execution, size_t images, size_t windows,
                           size_t neurons)
{
    const size_t threads = (size_t)execution->threads;
    const size_t x_most = execution->axes & BNN_X ? threads : 1;
    const size_t y_most = execution->axes & BNN_Y ? threads : 1;
    const size_t z_most = execution->axes & BNN_Z ? threads : 1;
    size_t least = SIZE_MAX;
    for (bool chooses = false;; chooses = true)
        for (size_t x = x_most; x > 0; x--)
            for (size_t y = bnn_smaller(y_most, threads / x); y > 0; y--)
                for (size_t z = bnn_smaller(z_most, threads / (x * y)); z > 0; z--) {
                    const size_t work = most(images, x) * most(windows, y) * most(neurons, z);
                    if (work < least)
                        least = work;
                    if (chooses && work <= least + least / TOLERANCE)
                        return (bnn_split){x, y, z};
                }
}

bnn_part bnn_split_part(bnn_split split, int thread, size_t images, size_t windows,
                        size_t neurons)
{
    size_t index = (size_t)thread;
    if (index >= split.x * split.y * split.z)
        return (bnn_part){{0, 0}, {0, 0}, {0, 0}};
    return (bnn_part){
        bnn_share(images, index / (split.y * split.z), split.x),
        bnn_share(windows, index / split.z % split.y, split.y),
        bnn_share(neurons, index % split.z, split.z),
    };
}
