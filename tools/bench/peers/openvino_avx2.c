/* Loaded before OpenVINO, makes it believe that the processor ends at AVX2.
 *
 * ONEDNN_MAX_CPU_ISA limits oneDNN only: OpenVINO's own kernels, BinaryConvolution among them, ask
 * these functions of its library and would go on with 512-bit registers.
 */
#include <stdbool.h>

#define LACKS(function, symbol)      \
    bool function(void) __asm__(symbol); \
    bool function(void) { return false; }

LACKS(avx512f, "_ZN2ov20with_cpu_x86_avx512fEv")
LACKS(avx512_core, "_ZN2ov24with_cpu_x86_avx512_coreEv")
LACKS(avx512_core_vnni, "_ZN2ov29with_cpu_x86_avx512_core_vnniEv")
LACKS(avx512_core_fp16, "_ZN2ov29with_cpu_x86_avx512_core_fp16Ev")
LACKS(avx512_core_amx, "_ZN2ov28with_cpu_x86_avx512_core_amxEv")
LACKS(avx512_core_amx_int8, "_ZN2ov33with_cpu_x86_avx512_core_amx_int8Ev")
LACKS(avx512_core_amx_bf16, "_ZN2ov33with_cpu_x86_avx512_core_amx_bf16Ev")
LACKS(avx512_core_amx_fp16, "_ZN2ov33with_cpu_x86_avx512_core_amx_fp16Ev")
LACKS(bfloat16, "_ZN2ov21with_cpu_x86_bfloat16Ev")
LACKS(avx2_vnni, "_ZN2ov22with_cpu_x86_avx2_vnniEv")
LACKS(avx2_vnni_2, "_ZN2ov24with_cpu_x86_avx2_vnni_2Ev")
