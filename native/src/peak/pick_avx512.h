/* Looking up in vectors of 64 bytes. */
#include "core/unroll.h"

#include <immintrin.h>
#include <stdint.h>

typedef uint8_t vbytes __attribute__((vector_size(64)));

BNN_INLINE vbytes pick(vbytes table, vbytes places)
{
    return (vbytes)_mm512_shuffle_epi8((__m512i)table, (__m512i)places);
}
