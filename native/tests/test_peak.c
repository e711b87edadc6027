/* Ceilings: that they are told, or refused for a reason. How high they are is the machine's. */
#include "check.h"

#include <bnnplan/peak.h>

#include <math.h>
#include <stdbool.h>

#define SECONDS 1e-4 /* a few samples */

enum { READ_BYTES = 8000 };

static void refused(const bench *on)
{
    double rate = -1;
    const bnn_isa isa = on->isa;
    CHECK(bnn_peak_measure((bnn_peak)(BNN_PEAK_READ + 1), isa, 0, SECONDS, 1, on->team, &rate) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, (bnn_isa)77, 0, SECONDS, 1, on->team, &rate) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, isa, 0, 0, 1, on->team, &rate) == BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, isa, 0, NAN, 1, on->team, &rate) == BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, isa, 0, SECONDS, 0, on->team, &rate) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, isa, 0, SECONDS, THREADS + 1, on->team, &rate) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, isa, 0, SECONDS, 1, NULL, &rate) == BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_COUNT, isa, 0, SECONDS, 1, on->team, NULL) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_READ, isa, 100, SECONDS, 1, on->team, &rate) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_peak_measure(BNN_PEAK_READ, isa, SIZE_MAX, SECONDS, 1, on->team, &rate) ==
          BNN_BAD_ARGUMENT);
    CHECK(rate == -1);
}

void test_peak(const bench *on)
{
    for (bnn_peak what = BNN_PEAK_CYCLES; what <= BNN_PEAK_READ; what++)
        for (int threads = 1; threads <= THREADS; threads++) {
            double rate = -1;
            const bnn_status status =
                bnn_peak_measure(what, on->isa, READ_BYTES, SECONDS, threads, on->team, &rate);
            const bool optional = what == BNN_PEAK_LOOKUP || what == BNN_PEAK_BYTES;
            CHECK(status == BNN_OK || (optional && status == BNN_UNSUPPORTED));
            CHECK(status == BNN_OK ? isfinite(rate) && rate > 0 : rate == -1);
        }
    refused(on);
}
