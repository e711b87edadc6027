/* Bytes times +1 and -1, three at a time: as input/triples.h tells, their sums are looked up in
 * tables of eight, for several outputs in turn.
 *
 * Whoever includes this has defined the type vbytes and pick().
 */
#include "core/unroll.h"
#include "peak/loops.h"

#include <string.h>

enum { BYTE_OUTPUTS = 4, BYTE_VECTORS = 2 };

typedef uint16_t vsums __attribute__((vector_size(sizeof(vbytes))));

static uint64_t bytes_pass(const void *data, size_t bytes)
{
    const char *at = data;
    const char *const end = at + bytes;
    vbytes tables[BYTE_OUTPUTS];
    vsums sums[BYTE_OUTPUTS][BYTE_VECTORS] = {0};
    memcpy(tables, at, sizeof tables);
    for (; at < end; at += BYTE_VECTORS * sizeof(vbytes))
        BNN_UNROLL for (int v = 0; v < BYTE_VECTORS; v++) {
            vbytes places;
            memcpy(&places, at + (size_t)v * sizeof places, sizeof places);
            BNN_UNROLL for (int p = 0; p < BYTE_OUTPUTS; p++) {
                sums[p][v] += (vsums)pick(tables[p], places);
                BNN_STAY(sums[p][v]);
            }
        }
    uint64_t result = 0;
    BNN_UNROLL for (int i = 0; i < BYTE_OUTPUTS * BYTE_VECTORS; i++)
        result += sums[i / BYTE_VECTORS][i % BYTE_VECTORS][0];
    return result;
}

#define PEAK_BYTES {{bytes_pass}, 1.5 * BYTE_OUTPUTS, 0x01030402} /* 3 products of 2 bytes */
