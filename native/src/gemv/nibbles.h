/* Bytes of activations as the places of two of 16 tables: the mismatches of a weight nibble with an
 * activation nibble. */
#ifndef BNNPLAN_GEMV_NIBBLES_H
#define BNNPLAN_GEMV_NIBBLES_H

#include "core/bits.h"

#define MISMATCHES(a)                                                                             \
    {BNN_NIBBLE_BITS((a) ^ 0),  BNN_NIBBLE_BITS((a) ^ 1),  BNN_NIBBLE_BITS((a) ^ 2),              \
     BNN_NIBBLE_BITS((a) ^ 3),  BNN_NIBBLE_BITS((a) ^ 4),  BNN_NIBBLE_BITS((a) ^ 5),              \
     BNN_NIBBLE_BITS((a) ^ 6),  BNN_NIBBLE_BITS((a) ^ 7),  BNN_NIBBLE_BITS((a) ^ 8),              \
     BNN_NIBBLE_BITS((a) ^ 9),  BNN_NIBBLE_BITS((a) ^ 10), BNN_NIBBLE_BITS((a) ^ 11),             \
     BNN_NIBBLE_BITS((a) ^ 12), BNN_NIBBLE_BITS((a) ^ 13), BNN_NIBBLE_BITS((a) ^ 14),             \
     BNN_NIBBLE_BITS((a) ^ 15)}

static const _Alignas(64) uint8_t nibbles[16][16] = {
    MISMATCHES(0),  MISMATCHES(1),  MISMATCHES(2),  MISMATCHES(3),  MISMATCHES(4),  MISMATCHES(5),
    MISMATCHES(6),  MISMATCHES(7),  MISMATCHES(8),  MISMATCHES(9),  MISMATCHES(10), MISMATCHES(11),
    MISMATCHES(12), MISMATCHES(13), MISMATCHES(14), MISMATCHES(15)};

#endif
