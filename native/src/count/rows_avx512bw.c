/* AVX-512BW: eight channels a vector. Words are first added bit by bit, by full adders of two
 * instructions, and only every eighth has its bits counted, by looking up nibbles.
 */
#include "count/rows_avx512.h"

enum {
    ADDED = 8, /* words whose bits are added before any is counted */
    CHUNK = 31 * ADDED, /* words whose counts fit in bytes: 31 * 8 = 248, of eights */
    MOST_OUTPUTS = 2,
    TILE_VECTORS = 2
};

/* The next word of the windows of a row. */
typedef struct {
    size_t run, word;
} place;

/* The next words of some windows side by side, and zeros up to a multiple of ADDED. */
BNN_INLINE size_t gather(const bnn_row *row, size_t first, const size_t outputs, place *at,
                         uint64_t words[MOST_OUTPUTS][CHUNK])
{
    size_t n = 0;
    while (at->run < row->runs && n < CHUNK) {
        const size_t left = row->run_words - at->word, room = CHUNK - n;
        const size_t some = left < room ? left : room;
        const uint64_t *from =
            row->windows + first * row->window_step + row->run_offsets[at->run] + at->word;
        for (size_t p = 0; p < outputs; p++)
            memcpy(words[p] + n, from + p * row->window_step, some * sizeof *from);
        n += some;
        at->word += some;
        if (at->word == row->run_words)
            *at = (place){at->run + 1, 0};
    }
    for (size_t i = n; i % ADDED != 0; i++)
        for (size_t p = 0; p < outputs; p++)
            words[p][i] = 0;
    return n;
}

/* What is counted of one output and one vector of channels: bit planes, and bytes of eights. */
typedef struct {
    __m512i ones, twos, fours, eights;
} planes;

/* Adds two vectors of bits to a third; returns what carries over. */
BNN_INLINE __m512i add_bits(__m512i *sum, __m512i a, __m512i b)
{
    const __m512i carry = _mm512_ternarylogic_epi64(*sum, a, b, 0xe8);
    *sum = _mm512_ternarylogic_epi64(*sum, a, b, 0x96);
    return carry;
}

/* Bits in every byte, times what `table` has in them. */
BNN_INLINE __m512i count_bits(__m512i v, __m512i table)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i low = _mm512_and_si512(v, nibble);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
    return _mm512_add_epi8(_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high));
}

BNN_INLINE __m512i nibble_table(void)
{
    return _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
}

/* ADDED words of a tile; of weights there are `left`. */
BNN_INLINE void add_words(const uint64_t *const *words, size_t at, const uint64_t *weights,
                          size_t width, size_t left, const size_t outputs, const size_t vectors,
                          planes tile[MOST_OUTPUTS][TILE_VECTORS])
{
    const __m512i table = nibble_table();
    __m512i twos[MOST_OUTPUTS][TILE_VECTORS], fours[MOST_OUTPUTS][TILE_VECTORS];
    BNN_UNROLL for (size_t i = 0; i < ADDED; i += 2) {
        __m512i b[2][TILE_VECTORS];
        BNN_UNROLL for (size_t j = 0; j < 2; j++)
            BNN_UNROLL for (size_t v = 0; v < vectors; v++)
                b[j][v] = i + j < left
                              ? _mm512_loadu_si512(weights + (i + j) * width + LANES * v)
                              : _mm512_setzero_si512();
        BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
            const uint64_t *word = words[p] + at + i;
            const __m512i first = _mm512_set1_epi64((long long)word[0]);
            const __m512i second = _mm512_set1_epi64((long long)word[1]);
            BNN_UNROLL for (size_t v = 0; v < vectors; v++) {
                planes *t = &tile[p][v];
                const __m512i two = add_bits(&t->ones, _mm512_xor_si512(first, b[0][v]),
                                             _mm512_xor_si512(second, b[1][v]));
                if (i % 4 == 0) {
                    twos[p][v] = two;
                    continue;
                }
                const __m512i four = add_bits(&t->twos, twos[p][v], two);
                if (i % 8 == 2) {
                    fours[p][v] = four;
                    continue;
                }
                const __m512i eight = add_bits(&t->fours, fours[p][v], four);
                t->eights = _mm512_add_epi8(t->eights, count_bits(eight, table));
            }
        }
    }
}

/* Counts of a tile in 64-bit lanes, added to those before. */
BNN_INLINE void widen(const planes *t, __m512i *mismatches)
{
    const __m512i one = nibble_table(), two = _mm512_add_epi8(one, one);
    const __m512i four = _mm512_add_epi8(two, two), zero = _mm512_setzero_si512();
    const __m512i low = _mm512_add_epi8(
        _mm512_add_epi8(count_bits(t->ones, one), count_bits(t->twos, two)),
        count_bits(t->fours, four));
    const __m512i eights = _mm512_slli_epi64(_mm512_sad_epu8(t->eights, zero), 3);
    *mismatches = _mm512_add_epi64(
        *mismatches, _mm512_add_epi64(_mm512_sad_epu8(low, zero), eights));
}

/* A chunk of n words. */
BNN_INLINE void count(const uint64_t *const *words, const uint64_t *weights, size_t width,
                      size_t n, const size_t outputs, const size_t vectors,
                      __m512i mismatches[MOST_OUTPUTS][MOST_VECTORS], size_t vector)
{
    planes tile[MOST_OUTPUTS][TILE_VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            tile[p][v].ones = tile[p][v].twos = tile[p][v].fours = tile[p][v].eights =
                _mm512_setzero_si512();
    size_t at = 0;
    for (; at + ADDED <= n; at += ADDED, weights += ADDED * width)
        add_words(words, at, weights, width, ADDED, outputs, vectors, tile);
    if (at < n)
        add_words(words, at, weights, width, n - at, outputs, vectors, tile);
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < vectors; v++)
            widen(&tile[p][v], &mismatches[p][vector + v]);
}

BNN_INLINE void finish(const bnn_row *row, size_t output, const __m512i *mismatches,
                       const bool bits)
{
    if (bits) {
        store_all_bits(row, output, MOST_VECTORS, mismatches);
        return;
    }
    switch (bnn_row_width(row->channels) / LANES) {
    case 1: store_sums(row, output, 1, mismatches); break;
    case 2: store_sums(row, output, 2, mismatches); break;
    case 3: store_sums(row, output, 3, mismatches); break;
    default: store_sums(row, output, 4, mismatches); break;
    }
}

BNN_INLINE void tile(const bnn_row *row, size_t first, const size_t outputs, const bool bits)
{
    const size_t width = bnn_row_width(row->channels), vectors = width / LANES;
    const uint64_t *weights = row->weights;
    uint64_t words[MOST_OUTPUTS][CHUNK];
    const uint64_t *const from[MOST_OUTPUTS] = {words[0], words[1]};
    __m512i mismatches[MOST_OUTPUTS][MOST_VECTORS];
    for (size_t p = 0; p < outputs; p++)
        for (size_t v = 0; v < MOST_VECTORS; v++)
            mismatches[p][v] = _mm512_setzero_si512();
    place at = {0, 0};
    while (at.run < row->runs) {
        const size_t n = gather(row, first, outputs, &at, words);
        size_t v = 0;
        for (; v + TILE_VECTORS <= vectors; v += TILE_VECTORS)
            count(from, weights + v * LANES, width, n, outputs, TILE_VECTORS, mismatches, v);
        if (v < vectors)
            count(from, weights + v * LANES, width, n, outputs, 1, mismatches, v);
        weights += n * width;
    }
    for (size_t p = 0; p < outputs; p++)
        finish(row, first + p, mismatches[p], bits);
}

BNN_INLINE void walk(const bnn_row *row, const bool bits)
{
    size_t i = 0;
    for (; i + MOST_OUTPUTS <= row->outputs; i += MOST_OUTPUTS)
        tile(row, i, MOST_OUTPUTS, bits);
    if (i < row->outputs)
        tile(row, i, 1, bits);
}

static void sums(const bnn_row *row)
{
    walk(row, false);
}

static void bits(const bnn_row *row)
{
    walk(row, true);
}

const bnn_row_kernels bnn_rows_avx512bw = {sums, bits};
