/* AVX-512BW: 64 filters a vector, and the weights of a block held for several pairs of outputs,
 * because the loads of tables are as many as shuffles. */
#include "lookup/index_avx2.h"
#include "lookup/tables.h"

enum {
    MOST_BLOCKS = 2,
    MOST_PAIRS = 4, /* of one block; half of it of two */
    FIELD_HOLDS = 3
};

BNN_INLINE __m512i table(uint16_t place)
{
    const void *at = (const uint8_t *)tables + place;
    return _mm512_broadcast_i32x4(_mm_load_si128(at));
}

/* Lanes beyond the width of the weights count for nobody. */
BNN_INLINE __m512i load_weights(const uint8_t *weights, const size_t width)
{
    if (width == BNN_LOOKUP_LANES)
        return _mm512_zextsi256_si512(_mm256_loadu_si256((const void *)weights));
    return _mm512_loadu_si512(weights);
}

/* Add bytes to 16-bit counts, or begin these with them. Unpacking works on quarters: eights are
 * put where their places come out. */
BNN_INLINE void widen(__m512i bytes, uint16_t *counts, bool begins)
{
    const __m512i places = _mm512_setr_epi64(0, 4, 2, 6, 1, 5, 3, 7);
    const __m512i moved = _mm512_permutexvar_epi64(places, bytes), zero = _mm512_setzero_si512();
    __m512i low = _mm512_unpacklo_epi8(moved, zero), high = _mm512_unpackhi_epi8(moved, zero);
    if (!begins) {
        low = _mm512_add_epi16(low, _mm512_loadu_si512(counts));
        high = _mm512_add_epi16(high, _mm512_loadu_si512(counts + 32));
    }
    _mm512_storeu_si512(counts, low);
    _mm512_storeu_si512(counts + 32, high);
}

/* The segments of one chunk. */
typedef struct {
    const bnn_lookup_segment *segments, *end;
    const uint8_t *weights; /* of the first block */
    bool begins;            /* there are no counts yet */
} chunk;

/* A half of a byte holds three groups (12 <= 15). Whole bytes are then added modulo 256, to be
 * parted when all is done, and the upper halves of two such sums are averaged (exact, being
 * multiples of 16), which leaves room to shift them down and add them on their own. */
BNN_INLINE void count_chunk(const bnn_lookup_tile *tile, const chunk *c, size_t first,
                            const size_t pairs, const size_t blocks, const size_t width)
{
    const __m512i upper = _mm512_set1_epi8((char)0xf0);
    const uint8_t *weights = c->weights;
    const uint16_t *windows[MOST_PAIRS];
    __m512i both[MOST_PAIRS][MOST_BLOCKS], second[MOST_PAIRS][MOST_BLOCKS];
    BNN_UNROLL for (size_t p = 0; p < pairs; p++) {
        windows[p] = tile->index + tile->starts[first + p];
        BNN_UNROLL for (size_t b = 0; b < blocks; b++)
            both[p][b] = second[p][b] = _mm512_setzero_si512();
    }
    for (const bnn_lookup_segment *s = c->segments; s < c->end; s++) {
        const size_t stop = s->offset + s->groups;
        for (size_t at = s->offset; at < stop; at += BNN_LOOKUP_STEP) {
            __m512i earlier[MOST_PAIRS][MOST_BLOCKS];
            BNN_UNROLL for (size_t half = 0; half < 2; half++) {
                __m512i w[MOST_BLOCKS][FIELD_HOLDS];
                BNN_UNROLL for (size_t b = 0; b < blocks; b++)
                    BNN_UNROLL for (size_t g = 0; g < FIELD_HOLDS; g++)
                        w[b][g] = load_weights(
                            weights + b * tile->block_bytes + g * width, width);
                weights += FIELD_HOLDS * width;
                BNN_UNROLL for (size_t p = 0; p < pairs; p++) {
                    const uint16_t *places = windows[p] + at + FIELD_HOLDS * half;
                    const __m512i t0 = table(places[0]), t1 = table(places[1]),
                                  t2 = table(places[2]);
                    BNN_UNROLL for (size_t b = 0; b < blocks; b++) {
                        const __m512i sum =
                            _mm512_add_epi8(_mm512_add_epi8(_mm512_shuffle_epi8(t0, w[b][0]),
                                                            _mm512_shuffle_epi8(t1, w[b][1])),
                                            _mm512_shuffle_epi8(t2, w[b][2]));
                        const __m512i high = _mm512_and_si512(sum, upper);
                        both[p][b] = _mm512_add_epi8(both[p][b], sum);
                        if (half == 0)
                            earlier[p][b] = high;
                        else
                            second[p][b] = _mm512_add_epi8(
                                second[p][b],
                                _mm512_srli_epi16(_mm512_avg_epu8(earlier[p][b], high), 3));
                    }
                }
            }
        }
    }
    BNN_UNROLL for (size_t p = 0; p < pairs; p++)
        BNN_UNROLL for (size_t b = 0; b < blocks; b++) {
            const __m512i shifted =
                _mm512_and_si512(_mm512_slli_epi16(second[p][b], 4), upper);
            const size_t pair = b * tile->pairs + first + p;
            uint16_t *counts = tile->counts + pair * 2 * BNN_LOOKUP_BLOCK;
            widen(_mm512_sub_epi8(both[p][b], shifted), counts, c->begins);
            widen(second[p][b], counts + BNN_LOOKUP_BLOCK, c->begins);
        }
}

/* Chunk by chunk, so that its weights stay in the first-level cache for all pairs. */
BNN_INLINE void walk(const bnn_lookup_tile *tile, const size_t blocks, const size_t width)
{
    const size_t most = MOST_PAIRS / blocks;
    const bnn_lookup_segment *last = tile->segments + tile->segment_count;
    chunk c = {.weights = tile->weights, .begins = true};
    for (const bnn_lookup_segment *next = tile->segments; next < last; c.begins = false) {
        size_t groups = 0, pair = 0;
        c.segments = next;
        do
            groups += next->groups;
        while (!next++->ends_chunk);
        c.end = next;
        for (; pair + most <= tile->pairs; pair += most)
            count_chunk(tile, &c, pair, most, blocks, width);
        switch (tile->pairs - pair) {
        case 3: count_chunk(tile, &c, pair, 3, blocks, width); break;
        case 2: count_chunk(tile, &c, pair, 2, blocks, width); break;
        case 1: count_chunk(tile, &c, pair, 1, blocks, width); break;
        default: break;
        }
        c.weights += groups * width;
    }
}

static void count(const bnn_lookup_tile *tile)
{
    if (tile->blocks == MOST_BLOCKS)
        walk(tile, MOST_BLOCKS, BNN_LOOKUP_BLOCK);
    else if (tile->filters <= BNN_LOOKUP_LANES)
        walk(tile, 1, BNN_LOOKUP_LANES);
    else
        walk(tile, 1, BNN_LOOKUP_BLOCK);
}

/* Bits of 32 filters, as they are placed. */
BNN_INLINE __mmask32 reached(const uint16_t *counts, const uint16_t *least)
{
    const __m512i bias = _mm512_set1_epi16(INT16_MIN);
    const __m512i count = _mm512_xor_si512(_mm512_loadu_si512(counts), bias);
    return _mm512_cmpge_epi16_mask(count, _mm512_loadu_si512(least));
}

/* Exchanges the second and third byte of both halves. */
BNN_INLINE uint64_t in_order(uint64_t placed)
{
    const uint64_t differ = (placed ^ placed >> 8) & 0x0000ff000000ff00u;
    return placed ^ differ ^ differ << 8;
}

static void bits(const bnn_lookup_finish *finish)
{
    char *to = finish->output;
    for (size_t i = 0; i < finish->outputs; i++, to += finish->output_step) {
        const uint16_t *counts = finish->counts + i * BNN_LOOKUP_BLOCK;
        const uint16_t *least = finish->least + finish->classes[i] * finish->class_step;
        /* Masks are joined as masks: gcc 12 loses the upper half of one that it widens to a word
         * and keeps in memory. */
        const __mmask32 low = reached(counts, least);
        __mmask32 high = 0;
        if (finish->filters > BNN_LOOKUP_LANES)
            high = reached(counts + BNN_LOOKUP_LANES, least + BNN_LOOKUP_LANES);
        const uint64_t word = in_order(_mm512_kunpackd(high, low));
        memcpy(to, &word, sizeof word);
    }
}

static void sums(const bnn_lookup_finish *finish)
{
    enum { LANES = 16 };
    for (size_t i = 0; i < finish->outputs; i++) {
        const uint16_t *counts = finish->counts + i * BNN_LOOKUP_BLOCK;
        const int32_t *full = finish->full + finish->classes[i] * finish->class_step;
        char *to = (char *)finish->output + i * finish->output_step;
        for (size_t f = 0; f < finish->filters; f += LANES) {
            const size_t left = finish->filters - f;
            const void *first = counts + bnn_lookup_place(f);
            const void *second = counts + bnn_lookup_place(f + 8);
            const __m512i mismatches =
                _mm512_cvtepu16_epi32(_mm256_loadu2_m128i(second, first));
            const __m512i base = _mm512_loadu_si512(full + f);
            const __m512i sum = _mm512_sub_epi32(base, _mm512_slli_epi32(mismatches, 1));
            void *at = to + f * sizeof(int32_t);
            if (left >= LANES) /* masks slow stores down */
                _mm512_storeu_si512(at, sum);
            else
                _mm512_mask_storeu_epi32(at, (__mmask16)((1u << left) - 1), sum);
        }
    }
}

const bnn_lookup_kernels bnn_lookup_avx512bw = {MOST_BLOCKS, index_pairs, count, bits, sums};
