/* Vectors of the compiler, as wide as VECTOR_BYTES says. */
#ifndef BNNPLAN_INPUT_VECTORS_H
#define BNNPLAN_INPUT_VECTORS_H

#include <stdint.h>

/* Loads need the alignment of an element only; sums wrap, as unsigned numbers do. */
typedef uint32_t vector_u32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef float vector_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

#endif
