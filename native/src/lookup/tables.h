/* The 256 tables of pairs of nibbles: table a1 + 16 * a2 holds popcount(a1 ^ v) +
 * 16 * popcount(a2 ^ v) for every nibble v.
 */
#ifndef BNNPLAN_LOOKUP_TABLES_H
#define BNNPLAN_LOOKUP_TABLES_H

#include "core/bits.h"

#define COUNTS(a, v) (BNN_NIBBLE_BITS((a) ^ (v)) + 16 * BNN_NIBBLE_BITS((a) >> 4 ^ (v)))
#define TABLE(a)                                                                                  \
    {COUNTS(a, 0),  COUNTS(a, 1),  COUNTS(a, 2),  COUNTS(a, 3),  COUNTS(a, 4),  COUNTS(a, 5),     \
     COUNTS(a, 6),  COUNTS(a, 7),  COUNTS(a, 8),  COUNTS(a, 9),  COUNTS(a, 10), COUNTS(a, 11),    \
     COUNTS(a, 12), COUNTS(a, 13), COUNTS(a, 14), COUNTS(a, 15)}
#define TABLES_4(a) TABLE(a), TABLE((a) + 1), TABLE((a) + 2), TABLE((a) + 3)
#define TABLES_16(a) TABLES_4(a), TABLES_4((a) + 4), TABLES_4((a) + 8), TABLES_4((a) + 12)
#define TABLES_64(a) TABLES_16(a), TABLES_16((a) + 16), TABLES_16((a) + 32), TABLES_16((a) + 48)

static const _Alignas(64) uint8_t tables[256][16] = {TABLES_64(0), TABLES_64(64), TABLES_64(128),
                                                     TABLES_64(192)};

#endif
