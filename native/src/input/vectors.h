/* Vectors of the compiler, as wide as VECTOR_BYTES says, and a block of channels in them. */
#ifndef BNNPLAN_INPUT_VECTORS_H
#define BNNPLAN_INPUT_VECTORS_H

#include "core/unroll.h"
#include "input/rows.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__FMA__)
#include <immintrin.h>
#endif

enum {
    LANES = VECTOR_BYTES / 4,
    VECTORS = BNN_INPUT_BLOCK / LANES
};

/* Sums of integers wrap, as unsigned numbers do. */
typedef uint32_t vector_u32 __attribute__((vector_size(VECTOR_BYTES)));
typedef int16_t vector_i16 __attribute__((vector_size(VECTOR_BYTES)));
typedef float vector_f32 __attribute__((vector_size(VECTOR_BYTES)));

/* In memory they are aligned as an element is. */
typedef vector_u32 memory_u32 __attribute__((aligned(4), may_alias));
typedef vector_f32 memory_f32 __attribute__((aligned(4), may_alias));

#define LOAD_U32(address) (*(const memory_u32 *)(const void *)(address))
#define LOAD_F32(address) (*(const memory_f32 *)(const void *)(address))

/* sum + number * weights. Products with +1 and -1 are exact: sums are the same, fused or not. */
BNN_INLINE vector_f32 add_product(vector_f32 sum, float number, vector_f32 weights)
{
#if defined(__aarch64__)
    return (vector_f32)vfmaq_n_f32((float32x4_t)sum, (float32x4_t)weights, number);
#elif defined(__FMA__) && VECTOR_BYTES == 64
    return (vector_f32)_mm512_fmadd_ps(_mm512_set1_ps(number), (__m512)weights, (__m512)sum);
#elif defined(__FMA__) && VECTOR_BYTES == 32
    return (vector_f32)_mm256_fmadd_ps(_mm256_set1_ps(number), (__m256)weights, (__m256)sum);
#else
    return sum + number * weights;
#endif
}

#endif
