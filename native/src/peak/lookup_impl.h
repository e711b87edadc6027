/* Products of bits by look-up, as lookup/product.h tells, without an end to it.
 *
 * Whoever includes this has defined the type vbytes, repeat(), pick() and mean().
 */
#include "core/unroll.h"
#include "lookup/tables.h"
#include "peak/loops.h"

#include <stdbool.h>
#include <string.h>

enum {
    FIELD_HOLDS = 3, /* groups of 4 products */
    LOOKUP_VECTORS = 2,
    HALF = FIELD_HOLDS * LOOKUP_VECTORS * (int)sizeof(vbytes)
};

typedef uint16_t vplaces __attribute__((vector_size(sizeof(vbytes))));

/* Half a step: three groups of each vector. Weights serve as places of tables, too. */
BNN_INLINE void look_up(const char *weights, const vbytes *kept, vbytes sums[LOOKUP_VECTORS])
{
    BNN_UNROLL for (int g = 0; g < FIELD_HOLDS; g++) {
        uint16_t place;
        memcpy(&place, weights + (size_t)g * sizeof place, sizeof place);
        const vbytes table = kept != NULL ? kept[g] : repeat((const char *)tables + place);
        BNN_UNROLL for (int v = 0; v < LOOKUP_VECTORS; v++) {
            vbytes w;
            memcpy(&w, weights + (size_t)(g * LOOKUP_VECTORS + v) * sizeof w, sizeof w);
            sums[v] = g == 0 ? pick(table, w) : sums[v] + pick(table, w);
        }
    }
}

BNN_INLINE uint64_t walk(const void *data, size_t bytes, const bool keep)
{
    const char *at = data;
    const char *const end = at + bytes;
    vbytes kept[FIELD_HOLDS], both[LOOKUP_VECTORS] = {0}, second[LOOKUP_VECTORS] = {0};
    memcpy(kept, at, sizeof kept);
    for (; at < end; at += 2 * HALF) {
        vbytes earlier[LOOKUP_VECTORS], later[LOOKUP_VECTORS];
        look_up(at, keep ? kept : NULL, earlier);
        look_up(at + HALF, keep ? kept : NULL, later);
        BNN_UNROLL for (int v = 0; v < LOOKUP_VECTORS; v++) {
            both[v] = both[v] + earlier[v] + later[v];
            const vbytes halves = mean(earlier[v] & 0xf0, later[v] & 0xf0);
            second[v] += (vbytes)((vplaces)halves >> 3);
        }
    }
    uint64_t result = 0;
    BNN_UNROLL for (int v = 0; v < LOOKUP_VECTORS; v++)
        result += both[v][0] + second[v][0];
    return result;
}

/* As kernels do it, tables being loaded for every step. */
static uint64_t lookup_pass(const void *data, size_t bytes)
{
    return walk(data, bytes, false);
}

/* As if tables were loaded for many steps. */
static uint64_t lookup_kept_pass(const void *data, size_t bytes)
{
    return walk(data, bytes, true);
}

#define PEAK_LOOKUP {{lookup_pass, lookup_kept_pass}, 8, 0x03300a50}
