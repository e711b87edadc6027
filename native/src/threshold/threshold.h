/* Thresholds in the form that the loops compare with: bit = (x < limit) ^ flip.
 *
 * Flipped integers: x > t is not (x < t + 1), and never if t is the largest. Bytes: x < t is
 * x <= t - 1, both unsigned. Flipped floats: x > t is -x < -t, so that NaN stays +1; `signs`
 * negates them.
 */
#ifndef BNNPLAN_THRESHOLD_THRESHOLD_H
#define BNNPLAN_THRESHOLD_THRESHOLD_H

#include <bnnplan/isa.h>

typedef struct {
    size_t channels;
    const int32_t *limits;       /* of integers */
    const uint8_t *byte_limits;  /* of bytes: the largest with bit 1 */
    uint8_t turn;                /* what a byte is changed by to be unsigned: its sign bit, or 0 */
    const float *float_limits;   /* of floats */
    const uint32_t *signs;       /* of floats, a sign bit a channel */
    const uint32_t *flips;       /* of integers and bytes, a bit a channel */
} bnn_limits;

/* Numbers of `pixels` pixels to packed bits. */
typedef void (*bnn_threshold_loop)(const bnn_limits *limits, const void *numbers, uint64_t *bits,
                                   size_t pixels);

typedef struct {
    bnn_threshold_loop bytes, int32, float32;
} bnn_threshold_loops;

extern const bnn_threshold_loops bnn_threshold_portable;
#if defined(__x86_64__)
extern const bnn_threshold_loops bnn_threshold_avx2;
extern const bnn_threshold_loops bnn_threshold_avx512bw;
#elif defined(__aarch64__) || defined(__arm__)
extern const bnn_threshold_loops bnn_threshold_neon;
#endif

/* NULL for an element that has no thresholds. */
bnn_threshold_loop bnn_threshold_select(bnn_isa isa, bnn_element element);

#endif
