#include <bnnplan/isa.h>

#include "core/error.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

enum { STATE_AVX = 0x6, STATE_AVX512 = 0xe6 };

/* The register state that the operating system saves: XCR0. */
static unsigned saved_state(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool machine_runs(bnn_isa isa)
{
    unsigned a, b, c, d;
    if (isa == BNN_ISA_PORTABLE)
        return true;
    if (isa == BNN_ISA_NEON || !__get_cpuid(1, &a, &b, &c, &d))
        return false;
    const unsigned need1 = bit_OSXSAVE | bit_AVX | bit_POPCNT | bit_FMA;
    if ((c & need1) != need1)
        return false;
    unsigned state = saved_state();
    if ((state & STATE_AVX) != STATE_AVX || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    const unsigned need2 = bit_AVX2 | bit_BMI2;
    if ((b & need2) != need2)
        return false;
    if (isa == BNN_ISA_AVX2)
        return true;
    const unsigned need512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((b & need512) != need512 || (state & STATE_AVX512) != STATE_AVX512)
        return false;
    const unsigned counting = bit_AVX512VPOPCNTDQ | bit_AVX512VNNI;
    return isa == BNN_ISA_AVX512BW || (c & counting) == counting;
}
#elif defined(__aarch64__)
static bool machine_runs(bnn_isa isa)
{
    return isa == BNN_ISA_PORTABLE || isa == BNN_ISA_NEON;
}
#elif defined(__arm__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

static bool machine_runs(bnn_isa isa)
{
    return isa == BNN_ISA_PORTABLE ||
           (isa == BNN_ISA_NEON && (getauxval(AT_HWCAP) & HWCAP_NEON) != 0);
}
#else
static bool machine_runs(bnn_isa isa)
{
    return isa == BNN_ISA_PORTABLE;
}
#endif

static const char *const names[] = {"best", "portable", "avx2", "avx512bw", "avx512", "neon"};
enum { NAMES = sizeof names / sizeof *names };

const char *bnn_isa_name(bnn_isa isa)
{
    return (unsigned)isa < NAMES ? names[isa] : "unknown";
}

static bnn_status require(bnn_isa isa, const char *who)
{
    if (machine_runs(isa))
        return BNN_OK;
    return bnn_fail(BNN_UNSUPPORTED, "%s asks for instruction set %s, which this machine lacks",
                    who, bnn_isa_name(isa));
}

/* *forced is BNN_ISA_BEST if the environment forces nothing. */
static bnn_status read_environment(bnn_isa *forced)
{
    const char *text = getenv("BNNPLAN_ISA");
    *forced = BNN_ISA_BEST;
    if (text == NULL || *text == 0)
        return BNN_OK;
    for (int isa = BNN_ISA_PORTABLE; isa < NAMES; isa++)
        if (strcmp(text, names[isa]) == 0) {
            *forced = (bnn_isa)isa;
            return require(*forced, "BNNPLAN_ISA");
        }
    return bnn_fail(BNN_BAD_ARGUMENT,
                    "BNNPLAN_ISA is \"%.40s\"; it must be portable, avx2, avx512bw, avx512 or neon",
                    text);
}

bnn_status bnn_isa_choose(bnn_isa wanted, bnn_isa *chosen)
{
    bnn_isa forced;
    if (chosen == NULL || (unsigned)wanted >= NAMES)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no instruction set number %d", (int)wanted);
    bnn_status status = read_environment(&forced);
    if (status != BNN_OK)
        return status;
    if (wanted == BNN_ISA_BEST && forced == BNN_ISA_BEST) {
        wanted = (bnn_isa)(NAMES - 1);
        while (!machine_runs(wanted))
            wanted = (bnn_isa)(wanted - 1);
    } else if (wanted == BNN_ISA_BEST) {
        wanted = forced;
    } else if (forced != BNN_ISA_BEST && wanted != forced) {
        return bnn_fail(BNN_UNSUPPORTED, "a kernel for %s is wanted, but BNNPLAN_ISA forces %s",
                        bnn_isa_name(wanted), bnn_isa_name(forced));
    }
    *chosen = wanted;
    return require(wanted, "a kernel");
}
