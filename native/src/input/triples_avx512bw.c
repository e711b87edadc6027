#define VECTOR_BYTES 64
#define TILE_OUTPUTS 8
#define LANE_GROUPS {0, 1, 2, 3}

#include "input/triples.h"

#include "core/unroll.h"

#include <immintrin.h>

typedef uint8_t vector_u8 __attribute__((vector_size(VECTOR_BYTES)));
typedef int8_t vector_i8 __attribute__((vector_size(VECTOR_BYTES)));
typedef int16_t vector_i16 __attribute__((vector_size(VECTOR_BYTES)));

BNN_INLINE vector_u8 repeat(const void *address)
{
    return (vector_u8)_mm512_broadcast_i32x4(_mm_loadu_si128(address));
}

BNN_INLINE vector_u8 pick(vector_u8 bytes, vector_u8 places)
{
    return (vector_u8)_mm512_shuffle_epi8((__m512i)bytes, (__m512i)places);
}

BNN_INLINE vector_i16 pair_sums(vector_u8 bytes, vector_i8 signs)
{
    return (vector_i16)_mm512_maddubs_epi16((__m512i)bytes, (__m512i)signs);
}

BNN_INLINE uint32_t below(const vector_i16 *sums, const vector_i16 *limits)
{
    return _mm512_cmplt_epi16_mask((__m512i)sums[0], (__m512i)limits[0]);
}

#include "input/triples_impl.h"

const bnn_triple_loops bnn_triples_avx512bw = {row_loop, tables_loop, LANE_GROUPS};
