/* Counting by carry-save adders (Harley and Seal): full adders of whole vectors join vectors of
 * mismatches to sums of 1, 2, 4, 8 and 16 a bit, and only the last are counted, 1 vector of 16.
 *
 * Whoever includes this has defined the type vbits, parity(), majority() and count_bits(), which
 * counts the bits of each 64-bit lane.
 */
#include "core/unroll.h"
#include "peak/loops.h"

#include <string.h>

enum { CARRY_VECTORS = 16, CARRY_LEVELS = 4 };

/* An adder of three vectors: its sum stays, its carry is returned. */
BNN_INLINE vbits add(vbits *sum, vbits b, vbits c)
{
    const vbits carry = majority(*sum, b, c);
    *sum = parity(*sum, b, c);
    return carry;
}

BNN_INLINE vbits mismatches(vbits activations, const char *weights)
{
    vbits w;
    memcpy(&w, weights, sizeof w);
    return activations ^ w;
}

static uint64_t count_pass(const void *data, size_t bytes)
{
    const char *at = data;
    const char *const end = at + bytes;
    vbits activations, sums[CARRY_LEVELS] = {0}, total = {0};
    memcpy(&activations, at, sizeof activations);
    for (; at < end; at += CARRY_VECTORS * sizeof(vbits)) {
        vbits carries[CARRY_LEVELS] = {0};
        BNN_UNROLL for (int i = 0; i < CARRY_VECTORS / 2; i++) {
            const char *pair = at + (size_t)(2 * i) * sizeof(vbits);
            vbits carry = add(&sums[0], mismatches(activations, pair),
                              mismatches(activations, pair + sizeof(vbits)));
            /* Every second carry of a level meets the one before it in the next level. */
            BNN_UNROLL for (int level = 1; level < CARRY_LEVELS; level++)
                if (i % (1 << level) == (1 << level) - 1)
                    carry = add(&sums[level], carries[level], carry);
                else if (i % (1 << (level - 1)) == (1 << (level - 1)) - 1)
                    carries[level] = carry;
            if (i == CARRY_VECTORS / 2 - 1)
                total += count_bits(carry);
        }
    }
    total <<= CARRY_LEVELS;
    BNN_UNROLL for (int level = 0; level < CARRY_LEVELS; level++)
        total += count_bits(sums[level]) << level;
    uint64_t result = 0;
    BNN_UNROLL for (size_t i = 0; i < sizeof total / sizeof total[0]; i++)
        result += total[i];
    return result;
}

#define PEAK_CARRY_SAVE {{count_pass}, 8, 0x5a17c3e9}
