#define VECTOR_BYTES 32
#define TILE_OUTPUTS 4
/* Packing takes 8 lanes of either vector in turn. */
#define LANE_GROUPS {0, 2, 1, 3}

#include "input/triples.h"

#include "core/unroll.h"

#include <immintrin.h>

typedef uint8_t vector_u8 __attribute__((vector_size(VECTOR_BYTES)));
typedef int8_t vector_i8 __attribute__((vector_size(VECTOR_BYTES)));
typedef int16_t vector_i16 __attribute__((vector_size(VECTOR_BYTES)));

BNN_INLINE vector_u8 repeat(const void *address)
{
    return (vector_u8)_mm256_broadcastsi128_si256(_mm_loadu_si128(address));
}

BNN_INLINE vector_u8 pick(vector_u8 bytes, vector_u8 places)
{
    return (vector_u8)_mm256_shuffle_epi8((__m256i)bytes, (__m256i)places);
}

BNN_INLINE vector_i16 pair_sums(vector_u8 bytes, vector_i8 signs)
{
    return (vector_i16)_mm256_maddubs_epi16((__m256i)bytes, (__m256i)signs);
}

BNN_INLINE uint32_t below(const vector_i16 *sums, const vector_i16 *limits)
{
    const __m256i first = _mm256_cmpgt_epi16((__m256i)limits[0], (__m256i)sums[0]);
    const __m256i second = _mm256_cmpgt_epi16((__m256i)limits[1], (__m256i)sums[1]);
    const __m256i masks = _mm256_packs_epi16(first, second);
    return (uint32_t)_mm256_movemask_epi8(masks);
}

#include "input/triples_impl.h"

const bnn_triple_loops bnn_triples_avx2 = {row_loop, tables_loop, LANE_GROUPS};
