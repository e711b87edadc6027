/* Vectors of the compiler, as wide as VECTOR_BYTES says, and a block of channels in them. */
#ifndef BNNPLAN_INPUT_VECTORS_H
#define BNNPLAN_INPUT_VECTORS_H

#include "core/unroll.h"
#include "input/rows.h"

enum {
    LANES = VECTOR_BYTES / 4,
    VECTORS = BNN_INPUT_BLOCK / LANES
};

/* Sums of integers wrap, as unsigned numbers do. */
typedef uint32_t vector_u32 __attribute__((vector_size(VECTOR_BYTES)));
typedef float vector_f32 __attribute__((vector_size(VECTOR_BYTES)));

/* In memory they are aligned as an element is. */
typedef vector_u32 memory_u32 __attribute__((aligned(4), may_alias));
typedef vector_f32 memory_f32 __attribute__((aligned(4), may_alias));

#define LOAD_U32(address) (*(const memory_u32 *)(const void *)(address))
#define LOAD_F32(address) (*(const memory_f32 *)(const void *)(address))

#endif
