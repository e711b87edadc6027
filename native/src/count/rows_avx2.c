/* AVX2: bits counted by looking up nibbles; four channels a vector.
 *
 * Counts gather in bytes, at most 8 a word, and are widened before a byte can overflow.
 */
#include "count/rows_finish.h"

#include <immintrin.h>

enum {
    LANES = 4,
    WORDS_A_BYTE_HOLDS = 31, /* 31 * 8 = 248 */
    TILE_OUTPUTS = 2,
    TILE_VECTORS = 2
};

BNN_INLINE __m256i count_bits(__m256i v)
{
    const __m256i table =
        _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1,
                         2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256(v, nibble);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
}

/* Add the counts in bytes to those in 64-bit lanes, and start the bytes anew. */
BNN_INLINE void widen(const size_t outputs, __m256i bytes[TILE_OUTPUTS][TILE_VECTORS],
                      __m256i wide[TILE_OUTPUTS][TILE_VECTORS])
{
    const __m256i zero = _mm256_setzero_si256();
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) {
            wide[p][v] = _mm256_add_epi64(wide[p][v], _mm256_sad_epu8(bytes[p][v], zero));
            bytes[p][v] = zero;
        }
}

/* Mismatches of `outputs` outputs with TILE_VECTORS vectors of channels. */
BNN_INLINE void count(const bnn_row *row, size_t first, const size_t outputs, size_t channel,
                      int64_t mismatches[TILE_OUTPUTS][BNN_BLOCK])
{
    const uint64_t *windows = row->windows + first * row->window_step;
    const size_t width = bnn_row_width(row->channels);
    const uint64_t *weights = row->weights + channel;
    const __m256i zero = _mm256_setzero_si256();
    __m256i wide[TILE_OUTPUTS][TILE_VECTORS], bytes[TILE_OUTPUTS][TILE_VECTORS];
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < TILE_VECTORS; v++)
            wide[p][v] = bytes[p][v] = zero;
    size_t room = WORDS_A_BYTE_HOLDS;
    for (size_t r = 0; r < row->runs; r++) {
        const uint64_t *run = windows + row->run_offsets[r];
        for (size_t w = 0; w < row->run_words;) {
            if (room == 0) {
                widen(outputs, bytes, wide);
                room = WORDS_A_BYTE_HOLDS;
            }
            const size_t left = row->run_words - w;
            const size_t stop = w + (left < room ? left : room);
            room -= stop - w;
            for (; w < stop; w++, weights += width)
                BNN_UNROLL for (size_t p = 0; p < outputs; p++) {
                    __m256i a =
                        _mm256_set1_epi64x((long long)run[p * row->window_step + w]);
                    BNN_UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) {
                        __m256i b = _mm256_loadu_si256((const void *)(weights + LANES * v));
                        bytes[p][v] =
                            _mm256_add_epi8(bytes[p][v], count_bits(_mm256_xor_si256(a, b)));
                    }
                }
        }
    }
    widen(outputs, bytes, wide);
    BNN_UNROLL for (size_t p = 0; p < outputs; p++)
        BNN_UNROLL for (size_t v = 0; v < TILE_VECTORS; v++)
            _mm256_storeu_si256((void *)(mismatches[p] + channel + LANES * v),
                                wide[p][v]);
}

BNN_INLINE void tile(const bnn_row *row, size_t first, const size_t outputs, const bool bits)
{
    int64_t mismatches[TILE_OUTPUTS][BNN_BLOCK];
    for (size_t c = 0; c < row->channels; c += LANES * TILE_VECTORS)
        count(row, first, outputs, c, mismatches);
    for (size_t p = 0; p < outputs; p++)
        if (bits)
            finish_bits(row, first + p, mismatches[p]);
        else
            finish_sums(row, first + p, mismatches[p]);
}

BNN_INLINE void walk(const bnn_row *row, const bool bits)
{
    size_t i = 0;
    for (; i + 2 <= row->outputs; i += 2)
        tile(row, i, 2, bits);
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

const bnn_row_kernels bnn_rows_avx2 = {sums, bits};
