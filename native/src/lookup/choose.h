/* Which layers are computed by look-up. */
#ifndef BNNPLAN_LOOKUP_CHOOSE_H
#define BNNPLAN_LOOKUP_CHOOSE_H

#include "lookup/product.h"

#include <bnnplan/binary.h>

/* Groups of a convolution that are computed as one: as many as fill the lanes of a block. Filters
 * have no weights for the channels of other groups. */
size_t bnn_lookup_merged(const bnn_convolution *shape);

/* The kernels of a layer that is to be computed by look-up; NULL if its bits are to be counted.
 * `outputs` are neighbours that weights are used for in turn. BNN_UNSUPPORTED if look-up is asked
 * for and there is none. */
bnn_status bnn_lookup_choose(const bnn_execution *execution, bnn_isa isa,
                             const bnn_convolution *shape, size_t outputs,
                             const bnn_lookup_kernels **kernels);

#endif
