/* The mismatches of a weight nibble are looked up in the table of the activation nibble that it
 * meets. There are 16 tables, whatever the activations, and a byte shuffle looks up as many filters
 * as a vector has bytes: 7 vector instructions for as many times 8 products.
 *
 * Carry-save adders over 15 words of K (Harley and Seal) need 6.5, and more where K has few words
 * or no multiple of 15: with AVX2 on Zen 5 they took 1.1 to 1.8 times as long. Counting plainly
 * needs 8.
 *
 * Included once for each instruction set, after a less_*.h, a type vec, LANES, MOST_VECTORS, BLOCK
 * and table(), look_up(), add_bytes(), widen() and store_counts().
 */
#include "core/unroll.h"

enum {
    BYTE_HOLDS = 31,              /* bytes of K: 31 * 8 = 248 */
    PAIR_HOLDS = 264 * BYTE_HOLDS /* of 16 bits: 264 * 248 = 65,472 */
};

/* The mismatches of 1 .. BYTE_HOLDS bytes. */
BNN_INLINE void count_bytes(const uint8_t *vector, size_t n, const uint8_t *weights,
                            const size_t vectors, vec *counts)
{
    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
        counts[v] = (vec){0};
    for (size_t i = 0; i < n; i++, weights += vectors * LANES) {
        const vec low = table(vector[i] & 15), high = table(vector[i] >> 4);
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            counts[v] = add_bytes(counts[v], look_up(low, high, weights + LANES * v));
    }
}

/* The mismatches of at most PAIR_HOLDS bytes, added to those before them if there are any. */
BNN_INLINE void count_some(const uint8_t *vector, size_t n, const uint8_t *weights,
                           const size_t vectors, bool begins, int32_t *mismatches)
{
    vec wide[MOST_VECTORS][2];
    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
        wide[v][0] = wide[v][1] = (vec){0};
    for (size_t at = 0; at < n; at += BYTE_HOLDS) {
        const size_t left = n - at;
        vec counts[MOST_VECTORS];
        count_bytes(vector + at, left < BYTE_HOLDS ? left : BYTE_HOLDS,
                    weights + at * vectors * LANES, vectors, counts);
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            widen(counts[v], wide[v]);
    }
    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
        store_counts(wide[v], begins, mismatches + LANES * v);
}

BNN_INLINE void count_block(const bnn_gemv *gemv, const size_t vectors, int32_t *mismatches)
{
    const uint8_t *vector = (const uint8_t *)gemv->vector, *weights = gemv->weights;
    for (size_t at = 0; at < gemv->units; at += PAIR_HOLDS) {
        const size_t left = gemv->units - at;
        count_some(vector + at, left < PAIR_HOLDS ? left : PAIR_HOLDS,
                   weights + at * vectors * LANES, vectors, at == 0, mismatches);
    }
}

BNN_INLINE void count(const bnn_gemv *gemv, int32_t *mismatches)
{
    switch ((gemv->filters + LANES - 1) / LANES) {
    case 1: count_block(gemv, 1, mismatches); break;
    case 2: count_block(gemv, 2, mismatches); break;
    case 3: count_block(gemv, 3, mismatches); break;
    default: count_block(gemv, MOST_VECTORS, mismatches); break;
    }
}

#include "gemv/gemv_impl.h"
