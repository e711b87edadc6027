#include "input/triples.h"

enum { FEW_CHANNELS = 3 };

/* VNNI multiplies quads of many channels faster than their tables are made and looked up. */
static const bnn_triple_loops *loops_of(bnn_isa isa, size_t channels)
{
#if defined(__x86_64__)
    if (isa == BNN_ISA_AVX512BW || (isa == BNN_ISA_AVX512 && channels <= FEW_CHANNELS))
        return &bnn_triples_avx512bw;
    if (isa == BNN_ISA_AVX2)
        return &bnn_triples_avx2;
#elif defined(__aarch64__)
    if (isa == BNN_ISA_NEON)
        return &bnn_triples_neon;
#endif
    (void)isa;
    (void)channels;
    return NULL;
}

const bnn_triple_loops *bnn_triples_select(bnn_isa isa, const bnn_convolution *shape,
                                           bnn_element element)
{
    const bool bytes = element == BNN_UINT8 || element == BNN_INT8;
    const size_t window = shape->kernel_height * shape->kernel_width;
    const bool fits = window <= BNN_TRIPLE_TAPS && window * shape->channels <= BNN_TRIPLE_TAPS;
    return bytes && fits && shape->groups == 1 ? loops_of(isa, shape->channels) : NULL;
}
