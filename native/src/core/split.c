#include "core/split.h"

static size_t most(size_t n, size_t parts)
{
    return (n + parts - 1) / parts;
}

bnn_split bnn_split_choose(const bnn_execution *execution, size_t images, size_t windows,
                           size_t neurons)
{
    size_t threads = (size_t)execution->threads;
    size_t x_most = execution->axes & BNN_X ? threads : 1;
    size_t y_most = execution->axes & BNN_Y ? threads : 1;
    size_t z_most = execution->axes & BNN_Z ? threads : 1;
    bnn_split best = {1, 1, 1};
    size_t least = SIZE_MAX;
    for (size_t x = 1; x <= x_most; x++)
        for (size_t y = 1; y <= y_most && x * y <= threads; y++)
            for (size_t z = 1; z <= z_most && x * y * z <= threads; z++) {
                size_t work = most(images, x) * most(windows, y) * most(neurons, z);
                if (work < least) {
                    least = work;
                    best = (bnn_split){x, y, z};
                }
            }
    return best;
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
