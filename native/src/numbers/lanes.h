/* Vectors as wide as the instruction set that this file is compiled for. */
#ifndef BNNPLAN_NUMBERS_LANES_H
#define BNNPLAN_NUMBERS_LANES_H

#include <stdint.h>
#include <string.h>

#include "core/unroll.h"

#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 16, TILE_VECTORS = 24 }; /* accumulators that fit beside operands in registers */
#elif defined(__AVX__)
enum { LANES = 8, TILE_VECTORS = 12 };
#elif defined(__aarch64__)
enum { LANES = 4, TILE_VECTORS = 24 };
#else
enum { LANES = 4, TILE_VECTORS = 12 };
#endif

typedef float vfloat __attribute__((vector_size(4 * LANES)));
typedef int32_t vint __attribute__((vector_size(4 * LANES)));

static inline vfloat load(const float *from)
{
    vfloat value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store(float *to, vfloat value) { memcpy(to, &value, sizeof value); }

/* Lanes of `yes` where the mask is -1, of `no` where it is 0. */
BNN_INLINE vfloat choose(vint mask, vfloat yes, vfloat no)
{
    return (vfloat)((mask & (vint)yes) | (~mask & (vint)no));
}

/* a > b ? a : b in every lane: b if one of them is no number. Compilers do not see the maximum. */
BNN_INLINE vfloat larger(vfloat a, vfloat b)
{
#if defined(__AVX512F__)
    return (vfloat)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (vfloat)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE__)
    return (vfloat)_mm_max_ps((__m128)a, (__m128)b);
#else
    return choose(a > b, a, b);
#endif
}

#endif
