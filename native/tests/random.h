/* Numbers that look random and are the same in every run (xorshift, Marsaglia 2003). */
#ifndef BNNPLAN_TESTS_RANDOM_H
#define BNNPLAN_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static uint64_t random_state = 88172645463325252u;

static inline uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Between low and high, both included. */
static inline int random_int(int low, int high)
{
    return low + (int)(random_word() >> 33) % (high - low + 1);
}

static inline void random_signs(int8_t *signs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        signs[i] = random_word() >> 40 & 1 ? 1 : -1;
}

#endif
