/* Sleeping until a word of memory changes. */
#ifndef BNNPLAN_CORE_FUTEX_H
#define BNNPLAN_CORE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Let a core know that its thread only waits. */
static inline void bnn_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

enum { BNN_FOREVER = -1 };

/* Sleep while the word is `old`, at most for `timeout_ns` unless that is BNN_FOREVER; may return
 * early. */
void bnn_futex_wait(_Atomic uint32_t *word, uint32_t old, int64_t timeout_ns);

/* Wake up to `count` of those who sleep on the word. */
void bnn_futex_wake(_Atomic uint32_t *word, int count);

#endif
