/* Plain C: bits counted by adding neighbours, eight counts a word, in loops over channels that
 * compilers turn into vector code of any machine. Baseline x86-64 has no instruction to count bits.
 */
#include "count/rows_finish.h"

enum { WORDS_A_BYTE_HOLDS = 31 }; /* 31 * 8 = 248 */

/* In each byte, the number of its bits that are 1. */
BNN_INLINE uint64_t count_bytes(uint64_t v)
{
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    return (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

BNN_INLINE uint64_t sum_bytes(uint64_t v)
{
    v = (v & 0x00ff00ff00ff00ffu) + (v >> 8 & 0x00ff00ff00ff00ffu);
    v += v >> 16;
    return (v + (v >> 32)) & 0xffff;
}

static void count(const bnn_row *row, size_t output, int64_t *mismatches)
{
    const uint64_t *window = row->windows + output * row->window_step;
    const size_t width = bnn_row_width(row->channels);
    const uint64_t *weights = row->weights;
    for (size_t c = 0; c < width; c++)
        mismatches[c] = 0;
    for (size_t r = 0; r < row->runs; r++)
        for (size_t w = 0; w < row->run_words;) {
            const size_t left = row->run_words - w;
            const size_t stop = w + (left < WORDS_A_BYTE_HOLDS ? left : WORDS_A_BYTE_HOLDS);
            uint64_t bytes[BNN_BLOCK] = {0};
            for (; w < stop; w++, weights += width) {
                const uint64_t word = window[row->run_offsets[r] + w];
                for (size_t c = 0; c < width; c++)
                    bytes[c] += count_bytes(word ^ weights[c]);
            }
            for (size_t c = 0; c < width; c++)
                mismatches[c] += (int64_t)sum_bytes(bytes[c]);
        }
}

static void sums(const bnn_row *row)
{
    int64_t mismatches[BNN_BLOCK];
    for (size_t i = 0; i < row->outputs; i++) {
        count(row, i, mismatches);
        finish_sums(row, i, mismatches);
    }
}

static void bits(const bnn_row *row)
{
    int64_t mismatches[BNN_BLOCK];
    for (size_t i = 0; i < row->outputs; i++) {
        count(row, i, mismatches);
        finish_bits(row, i, mismatches);
    }
}

const bnn_row_kernels bnn_rows_portable = {sums, bits};
