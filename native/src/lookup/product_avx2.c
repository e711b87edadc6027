/* AVX2: 32 filters a vector, one shuffle for 4 channels of two outputs. */
#include "lookup/index_avx2.h"
#include "lookup/tables.h"

enum {
    MOST_VECTORS = BNN_LOOKUP_BLOCK / BNN_LOOKUP_LANES,
    FIELD_HOLDS = 3,
    LINE = 64,
    FEW_PAIRS = 2
};

BNN_INLINE __m256i table(uint16_t place)
{
    const void *at = (const uint8_t *)tables + place;
    return _mm256_broadcastsi128_si256(_mm_load_si128(at));
}

BNN_INLINE __m256i look_up(__m256i table, const uint8_t *weights)
{
    return _mm256_shuffle_epi8(table, _mm256_loadu_si256((const void *)weights));
}

/* Add bytes to 16-bit counts, or begin these with them. */
BNN_INLINE void widen(__m256i bytes, uint16_t *counts, const bool begins)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i low = _mm256_unpacklo_epi8(bytes, zero), high = _mm256_unpackhi_epi8(bytes, zero);
    if (!begins) {
        low = _mm256_add_epi16(low, _mm256_loadu_si256((const void *)counts));
        high = _mm256_add_epi16(high, _mm256_loadu_si256((const void *)(counts + 16)));
    }
    _mm256_storeu_si256((void *)counts, low);
    _mm256_storeu_si256((void *)(counts + 16), high);
}

/* One pair of outputs, the segments of one chunk.
 *
 * A half of a byte holds three groups (12 <= 15). Whole bytes are then added modulo 256, to be
 * parted when all is done, and the upper halves of two such sums are averaged (exact, being
 * multiples of 16), which leaves room to shift them down and add them on their own. */
BNN_INLINE void count_chunk(const uint16_t *window, const bnn_lookup_segment *segments,
                            const bnn_lookup_segment *end, const uint8_t *weights,
                            const size_t vectors, const bool begins, uint16_t *counts)
{
    const __m256i upper = _mm256_set1_epi8((char)0xf0);
    const size_t width = vectors * BNN_LOOKUP_LANES;
    __m256i both[MOST_VECTORS], second[MOST_VECTORS];
    BNN_UNROLL for (size_t v = 0; v < vectors; v++)
        both[v] = second[v] = _mm256_setzero_si256();
    for (; segments < end; segments++) {
        const uint16_t *at = window + segments->offset;
        const uint16_t *stop = at + segments->groups;
        for (; at < stop; at += BNN_LOOKUP_STEP, weights += BNN_LOOKUP_STEP * width) {
            __m256i earlier[MOST_VECTORS];
            BNN_UNROLL for (size_t half = 0; half < 2; half++) {
                const uint16_t *places = at + FIELD_HOLDS * half;
                const uint8_t *w = weights + FIELD_HOLDS * half * width;
                const __m256i t0 = table(places[0]), t1 = table(places[1]), t2 = table(places[2]);
                BNN_UNROLL for (size_t v = 0; v < vectors; v++, w += BNN_LOOKUP_LANES) {
                    const __m256i sum = _mm256_add_epi8(
                        _mm256_add_epi8(look_up(t0, w), look_up(t1, w + width)),
                        look_up(t2, w + 2 * width));
                    const __m256i high = _mm256_and_si256(sum, upper);
                    both[v] = _mm256_add_epi8(both[v], sum);
                    if (half == 0)
                        earlier[v] = high;
                    else
                        second[v] = _mm256_add_epi8(
                            second[v],
                            _mm256_srli_epi16(_mm256_avg_epu8(earlier[v], high), 3));
                }
            }
        }
    }
    BNN_UNROLL for (size_t v = 0; v < vectors; v++) {
        const __m256i shifted = _mm256_and_si256(_mm256_slli_epi16(second[v], 4), upper);
        uint16_t *to = counts + BNN_LOOKUP_LANES * v;
        widen(_mm256_sub_epi8(both[v], shifted), to, begins);
        widen(second[v], to + BNN_LOOKUP_BLOCK, begins);
    }
}

/* Chunk by chunk, so that its weights stay in the first-level cache for all pairs. */
BNN_INLINE void walk(const bnn_lookup_tile *tile, const size_t vectors)
{
    const bnn_lookup_segment *last = tile->segments + tile->segment_count;
    const uint8_t *weights = tile->weights;
    for (const bnn_lookup_segment *from = tile->segments, *to = from; from < last; from = to) {
        size_t groups = 0;
        do
            groups += to->groups;
        while (!to++->ends_chunk);
        /* Pairs fetch equal shares of the next chunk, of about as many bytes: in a network, weights
         * come from far away. A few pairs would wait for theirs, and get along without. */
        const size_t bytes = groups * vectors * BNN_LOOKUP_LANES;
        const size_t share = to < last && tile->pairs > FEW_PAIRS ? bytes / tile->pairs + 1 : 0;
        for (size_t pair = 0; pair < tile->pairs; pair++) {
            for (size_t at = pair * share; at < (pair + 1) * share && at < bytes; at += LINE)
                _mm_prefetch((const char *)weights + bytes + at, _MM_HINT_T0);
            const uint16_t *window = tile->index + tile->starts[pair];
            uint16_t *counts = tile->counts + pair * 2 * BNN_LOOKUP_BLOCK;
            if (from == tile->segments)
                count_chunk(window, from, to, weights, vectors, true, counts);
            else
                count_chunk(window, from, to, weights, vectors, false, counts);
        }
        weights += bytes;
    }
}

static void count(const bnn_lookup_tile *tile)
{
    if (tile->filters <= BNN_LOOKUP_LANES)
        walk(tile, 1);
    else
        walk(tile, 2);
}

/* Bits of 32 filters; packing puts the eights back in order. */
BNN_INLINE uint32_t reached(const uint16_t *counts, const uint16_t *least)
{
    const __m256i bias = _mm256_set1_epi16(INT16_MIN);
    __m256i fewer[2];
    BNN_UNROLL for (size_t i = 0; i < 2; i++) {
        const __m256i count = _mm256_loadu_si256((const void *)(counts + 16 * i));
        const __m256i limit = _mm256_loadu_si256((const void *)(least + 16 * i));
        fewer[i] = _mm256_cmpgt_epi16(limit, _mm256_xor_si256(count, bias));
    }
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(fewer[0], fewer[1]));
}

static void bits(const bnn_lookup_finish *finish)
{
    char *to = finish->output;
    for (size_t i = 0; i < finish->outputs; i++, to += finish->output_step) {
        const uint16_t *counts = finish->counts + i * BNN_LOOKUP_BLOCK;
        const uint16_t *least = finish->least + finish->classes[i] * finish->class_step;
        uint64_t word = reached(counts, least);
        if (finish->filters > BNN_LOOKUP_LANES)
            word |= (uint64_t)reached(counts + BNN_LOOKUP_LANES, least + BNN_LOOKUP_LANES) << 32;
        memcpy(to, &word, sizeof word);
    }
}

/* The sums of eight filters. */
BNN_INLINE __m256i eight_sums(const uint16_t *counts, const int32_t *full)
{
    const __m256i mismatches = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)counts));
    const __m256i base = _mm256_loadu_si256((const void *)full);
    return _mm256_sub_epi32(base, _mm256_slli_epi32(mismatches, 1));
}

static void sums(const bnn_lookup_finish *finish)
{
    const size_t whole = finish->filters / BNN_LOOKUP_LANES * BNN_LOOKUP_LANES;
    char *output = finish->output;
    for (size_t i = 0; i < finish->outputs; i++, output += finish->output_step) {
        const uint16_t *counts = finish->counts + i * BNN_LOOKUP_BLOCK;
        const int32_t *full = finish->full + finish->classes[i] * finish->class_step;
        int32_t *to = (int32_t *)(void *)output;
        for (size_t f = 0; f < whole; f += BNN_LOOKUP_LANES)
            BNN_UNROLL for (size_t e = 0; e < BNN_LOOKUP_LANES; e += 8)
                _mm256_storeu_si256((void *)(to + f + e),
                                    eight_sums(counts + f + bnn_lookup_place(e), full + f + e));
        for (size_t f = whole; f < finish->filters; f += 8) {
            const size_t left = finish->filters - f;
            int32_t last[8];
            _mm256_storeu_si256((void *)last,
                                eight_sums(counts + bnn_lookup_place(f), full + f));
            memcpy(to + f, last, (left < 8 ? left : 8) * sizeof *last);
        }
    }
}

const bnn_lookup_kernels bnn_lookup_avx2 = {1, index_pairs, count, bits, sums};
