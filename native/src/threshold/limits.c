#include "threshold/limits.h"

#include "core/memory.h"

#include <math.h>

enum { FLIP_BITS = 32 };
#define SIGN_BIT 0x80000000u

static void set_integer(int32_t *limit, uint32_t *flips, size_t c, int32_t threshold, bool flip)
{
    /* Nothing exceeds the largest integer. */
    bool reachable = threshold != INT32_MAX;
    *limit = !flip ? threshold : reachable ? threshold + 1 : INT32_MIN;
    if (flip && reachable)
        flips[c / FLIP_BITS] |= 1u << c % FLIP_BITS;
}

bool bnn_limits_create(bnn_own_limits *own, size_t channels, size_t padding, bool is_float,
                       const void *thresholds, const uint8_t *flips)
{
    const size_t n = bnn_round_up(channels, padding);
    const size_t flip_words = (n + FLIP_BITS - 1) / FLIP_BITS;
    own->bytes = (2 * n + flip_words) * sizeof(uint32_t);
    own->memory = bnn_allocate(own->bytes);
    if (own->memory == NULL)
        return false;
    int32_t *limits = own->memory;
    float *float_limits = own->memory;
    uint32_t *signs = (uint32_t *)own->memory + n;
    uint32_t *flip_bits = signs + n;
    for (size_t c = 0; c < n; c++)
        if (is_float && c < channels) {
            float threshold = ((const float *)thresholds)[c];
            float_limits[c] = flips[c] ? -threshold : threshold;
            signs[c] = flips[c] ? SIGN_BIT : 0;
        } else if (is_float) {
            float_limits[c] = -INFINITY;
        } else if (c < channels) {
            set_integer(&limits[c], flip_bits, c, ((const int32_t *)thresholds)[c], flips[c]);
        } else {
            limits[c] = INT32_MIN;
        }
    own->limits = (bnn_limits){
        .channels = channels,
        .limits = limits,
        .float_limits = float_limits,
        .signs = signs,
        .flips = flip_bits,
    };
    return true;
}

/* Bytes stand where the integers stood, each written after its integer and those before it are
 * read. */
void bnn_limits_narrow(bnn_own_limits *own, bool is_signed)
{
    const int32_t *limits = own->memory;
    uint8_t *bytes = own->memory;
    uint32_t *flips = (uint32_t *)own->limits.flips;
    for (size_t c = 0; c < own->limits.channels; c++) {
        const int64_t most = (int64_t)limits[c] - 1 - (is_signed ? INT8_MIN : 0);
        /* Never is not always. */
        if (most < 0)
            flips[c / FLIP_BITS] ^= 1u << c % FLIP_BITS;
        bytes[c] = most < 0 || most > UINT8_MAX ? UINT8_MAX : (uint8_t)most;
    }
    own->limits.byte_limits = bytes;
    own->limits.turn = is_signed ? 0x80 : 0;
}

void bnn_limits_destroy(bnn_own_limits *own)
{
    free(own->memory);
}
