/* Cycles are counted by additions of registers, each of which waits for the one before: one cycle
 * on every processor. Constants would not do, since some add them before they execute anything.
 */
#include "core/unroll.h"
#include "peak/loops.h"

enum { UNROLLED = 16 };

uint64_t bnn_peak_clock(const void *data, size_t bytes)
{
    size_t sum = (size_t)data, addend = bytes;
    for (int i = 0; i < BNN_PEAK_STEPS / UNROLLED; i++)
        BNN_UNROLL for (int j = 0; j < UNROLLED; j++) {
            sum += addend;
            __asm__ volatile("" : "+r"(sum), "+r"(addend)); /* no sum may be foreseen */
        }
    return sum;
}
