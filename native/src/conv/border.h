/* Border classes: outputs whose windows leave the input by the same taps.
 *
 * With zero padding the taps outside read bits 0 (+1) in the band; what they add falsely is the
 * same for all outputs of a class, and is taken off in the class's limits: exact, and free.
 */
#ifndef BNNPLAN_CONV_BORDER_H
#define BNNPLAN_CONV_BORDER_H

#include "core/geometry.h"

/* The taps first .. end - 1 of one axis lie inside the input. */
typedef struct {
    size_t first, end;
} bnn_taps;

/* Distinct tap ranges along one axis, and the range of each output. */
typedef struct {
    bnn_taps *ranges; /* as many as outputs are allocated */
    uint16_t *of;     /* of each output */
    size_t count;
} bnn_border;

/* Classes along one axis; a single one if the padding is no zero. False if memory is lacking or
 * there are more than 2^16. */
bool bnn_border_create(bnn_border *border, size_t outputs, size_t extent, size_t pad,
                       size_t kernel, size_t stride, size_t dilation, bool zero_padding);

void bnn_border_destroy(bnn_border *border);

#endif
