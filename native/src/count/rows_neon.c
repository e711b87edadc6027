/* NEON: bits counted by cnt; two channels a vector.
 *
 * Counts gather in bytes, at most 8 a word, and are widened before a byte can overflow.
 *
 * As gcc 12 compiles it, a tile of 4 outputs x 8 channels does 2,048 products in 62 instructions,
 * 32 an instruction with the widening. Looking products up by tbl (16 columns x 4 bits x 2 rows a
 * look-up) does 2,304 in 69, 31 an instruction with the splitting of its bytes, and wants indices
 * built and twice the weights: not better.
 */
#include "count/rows_finish.h"
#include "threshold/mask_neon.h"

enum {
    LANES = 2,
    WORDS_A_BYTE_HOLDS = 31, /* 31 * 8 = 248 */
    QUAD = 4,                /* channels whose counts make a vector when widened */
    TILE_VECTORS = BNN_LANES / LANES,
#if defined(__aarch64__)
    MOST_OUTPUTS = 4,
    MOST_VECTORS = 2 * TILE_VECTORS,
#else
    MOST_OUTPUTS = 2,
    MOST_VECTORS = TILE_VECTORS,
#endif
    MOST_QUADS = MOST_VECTORS * LANES / QUAD
};

/* Sums of neighbours, those of `low` first. */
BNN_INLINE uint16x8_t add_neighbours(uint16x8_t low, uint16x8_t high)
{
#if defined(__aarch64__)
    return vpaddq_u16(low, high);
#else
    return vcombine_u16(vpadd_u16(vget_low_u16(low), vget_high_u16(low)),
                        vpadd_u16(vget_low_u16(high), vget_high_u16(high)));
#endif
}

/* Add the counts in bytes to those in 32-bit lanes, one a channel, and start the bytes anew. */
BNN_INLINE void widen(const int outputs, const int vectors,
                      uint8x16_t bytes[MOST_OUTPUTS][MOST_VECTORS],
                      uint32x4_t wide[MOST_OUTPUTS][MOST_QUADS])
{
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < vectors; v += 2) {
            const uint16x8_t low = vpaddlq_u8(bytes[p][v]), high = vpaddlq_u8(bytes[p][v + 1]);
            wide[p][v / 2] = vpadalq_u16(wide[p][v / 2], add_neighbours(low, high));
            bytes[p][v] = bytes[p][v + 1] = vdupq_n_u8(0);
        }
}

/* Mismatches of `outputs` outputs with `vectors` vectors of channels. */
BNN_INLINE void count(const bnn_row *row, size_t first, const int outputs, size_t channel,
                      const int vectors, uint32x4_t mismatches[MOST_OUTPUTS][MOST_QUADS])
{
    const size_t width = bnn_row_width(row->channels), step = row->window_step;
    const uint64_t *windows = row->windows + first * step;
    const uint64_t *weights = row->weights + channel;
    uint8x16_t bytes[MOST_OUTPUTS][MOST_VECTORS];
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        BNN_UNROLL for (int v = 0; v < vectors; v++) {
            bytes[p][v] = vdupq_n_u8(0);
            mismatches[p][v / 2] = vdupq_n_u32(0);
        }
    size_t room = WORDS_A_BYTE_HOLDS;
    for (size_t r = 0; r < row->runs; r++) {
        const uint64_t *run = windows + row->run_offsets[r];
        for (size_t w = 0; w < row->run_words;) {
            if (room == 0) {
                widen(outputs, vectors, bytes, mismatches);
                room = WORDS_A_BYTE_HOLDS;
            }
            const size_t left = row->run_words - w;
            const size_t stop = w + (left < room ? left : room);
            room -= stop - w;
            for (; w < stop; w++, weights += width) {
                uint64x2_t a[MOST_OUTPUTS];
                BNN_UNROLL for (int p = 0; p < outputs; p++)
                    a[p] = vld1q_dup_u64(run + (size_t)p * step + w);
                BNN_UNROLL for (int v = 0; v < vectors; v++) {
                    const uint64x2_t b = vld1q_u64(weights + LANES * v);
                    BNN_UNROLL for (int p = 0; p < outputs; p++)
                        bytes[p][v] = vaddq_u8(
                            bytes[p][v], vcntq_u8(vreinterpretq_u8_u64(veorq_u64(a[p], b))));
                }
            }
        }
    }
    widen(outputs, vectors, bytes, mismatches);
}

BNN_INLINE void store_sums(const bnn_row *row, size_t output, size_t channel, const int vectors,
                           const uint32x4_t *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step + channel;
    char *to = (char *)row->output + output * row->output_step + channel * sizeof(int32_t);
    const size_t left = row->channels - channel;
    int32_t sums[QUAD * MOST_QUADS];
    BNN_UNROLL for (int q = 0; q < vectors * LANES / QUAD; q++)
        vst1q_s32(sums + QUAD * q,
                  vsubq_s32(vld1q_s32(limits + QUAD * q),
                            vreinterpretq_s32_u32(vshlq_n_u32(mismatches[q], 1))));
    const size_t computed = (size_t)(vectors * LANES);
    memcpy(to, sums, (left < computed ? left : computed) * sizeof *sums);
}

/* Limits stand in whole blocks, those of lanes without a filter never exceeded. */
BNN_INLINE uint32_t exceeding(const bnn_row *row, size_t output, size_t channel,
                              const int vectors, const uint32x4_t *mismatches)
{
    const int32_t *limits = row->limits + row->classes[output] * row->limit_step + channel;
    uint32x4_t more[MOST_QUADS];
    BNN_UNROLL for (int q = 0; q < vectors * LANES / QUAD; q++)
        more[q] = vcgtq_s32(vreinterpretq_s32_u32(mismatches[q]), vld1q_s32(limits + QUAD * q));
    uint32_t bits = 0;
    BNN_UNROLL for (int q = 0; q < vectors * LANES / QUAD; q += 2)
        bits |= group_bits(more[q], more[q + 1]) << (QUAD * q);
    return bits;
}

BNN_INLINE void tile(const bnn_row *row, size_t first, const int outputs, const int vectors,
                     const bool bits)
{
    uint32_t words[MOST_OUTPUTS] = {0};
    for (size_t c = 0; c < row->channels; c += (size_t)(vectors * LANES)) {
        uint32x4_t mismatches[MOST_OUTPUTS][MOST_QUADS];
        count(row, first, outputs, c, vectors, mismatches);
        BNN_UNROLL for (int p = 0; p < outputs; p++)
            if (bits)
                words[p] |= exceeding(row, first + (size_t)p, c, vectors, mismatches[p]) << c;
            else
                store_sums(row, first + (size_t)p, c, vectors, mismatches[p]);
    }
    BNN_UNROLL for (int p = 0; p < outputs; p++)
        if (bits)
            store_bits(row, first + (size_t)p, words[p]);
}

BNN_INLINE void walk(const bnn_row *row, const bool bits)
{
    size_t i = 0;
    for (; i + MOST_OUTPUTS <= row->outputs; i += MOST_OUTPUTS)
        tile(row, i, MOST_OUTPUTS, TILE_VECTORS, bits);
    switch (row->outputs - i) {
#if defined(__aarch64__)
    case 3: tile(row, i, 3, TILE_VECTORS, bits); break;
    case 2: tile(row, i, 2, TILE_VECTORS, bits); break;
#endif
    case 1:
        /* A single output fills the registers with channels instead. */
        if (bnn_row_width(row->channels) % (MOST_VECTORS * LANES) == 0)
            tile(row, i, 1, MOST_VECTORS, bits);
        else
            tile(row, i, 1, TILE_VECTORS, bits);
        break;
    default: break;
    }
}

static void sums(const bnn_row *row)
{
    walk(row, false);
}

static void bits(const bnn_row *row)
{
    walk(row, true);
}

const bnn_row_kernels bnn_rows_neon = {sums, bits};
