/* Loops that are the same for all instruction sets but for the width of a vector. */
#include "numbers/lanes.h"
#include "peak/loops.h"

enum { FLOAT_OUTPUTS = 4, FLOAT_VECTORS = 3, READ_VECTORS = 8 };

/* Each vector of weights is used for several outputs, as in a tile of a convolution; that many sums
 * hide how long an addition takes. */
static uint64_t floats_pass(const void *data, size_t bytes)
{
    const float *weights = data;
    const float *const end = weights + bytes / sizeof *weights;
    vfloat sums[FLOAT_OUTPUTS][FLOAT_VECTORS] = {0};
    for (; weights < end; weights += FLOAT_VECTORS * LANES) {
        vfloat w[FLOAT_VECTORS];
        BNN_UNROLL for (int v = 0; v < FLOAT_VECTORS; v++)
            w[v] = load(weights + LANES * v);
        BNN_UNROLL for (int p = 0; p < FLOAT_OUTPUTS; p++)
            BNN_UNROLL for (int v = 0; v < FLOAT_VECTORS; v++)
                sums[p][v] += w[v] * weights[p];
    }
    vfloat total = sums[0][0];
    BNN_UNROLL for (int i = 1; i < FLOAT_OUTPUTS * FLOAT_VECTORS; i++)
        total += sums[i / FLOAT_VECTORS][i % FLOAT_VECTORS];
    uint64_t result;
    memcpy(&result, &total, sizeof result);
    return result;
}

static uint64_t read_pass(const void *data, size_t bytes)
{
    const char *at = data;
    const char *const end = at + bytes;
    vint seen[READ_VECTORS] = {0};
    for (; at < end; at += READ_VECTORS * sizeof(vint))
        BNN_UNROLL for (int v = 0; v < READ_VECTORS; v++) {
            vint next;
            memcpy(&next, at + (size_t)v * sizeof next, sizeof next);
            seen[v] |= next;
            BNN_STAY(seen[v]);
        }
    BNN_UNROLL for (int v = 1; v < READ_VECTORS; v++)
        seen[0] |= seen[v];
    uint64_t result;
    memcpy(&result, &seen[0], sizeof result);
    return result;
}

#define PEAK_FLOATS {{floats_pass}, (double)FLOAT_OUTPUTS / sizeof(float), 0x3f8ccccd} /* 1.1 */
#define PEAK_READ {{read_pass}, 1, 1}
