/* Complete unrolling of short loops whose bounds are constants after inlining. */
#ifndef BNNPLAN_CORE_UNROLL_H
#define BNNPLAN_CORE_UNROLL_H

#if defined(__clang__)
#define BNN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define BNN_UNROLL _Pragma("GCC unroll 16")
#endif

#define BNN_INLINE static inline __attribute__((always_inline))

#endif
