/* Weights as users give them. */
#ifndef BNNPLAN_CORE_SIGNS_H
#define BNNPLAN_CORE_SIGNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all weights are +1 or -1. */
static inline bool bnn_are_signs(const int8_t *weights, size_t count)
{
    uint8_t wrong = 0; /* without a branch, so that the loop is a vector loop */
    for (size_t i = 0; i < count; i++)
        wrong |= (uint8_t)(weights[i] + 1) & (uint8_t)~2;
    return wrong == 0;
}

#endif
