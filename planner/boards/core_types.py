"""How many products types of cores compute in a cycle, inside the layers of a network.

NEON kernels have never been timed on a board. Their inner loops compute 33 products of bits an
instruction, 8.2 of bytes looked up in threes, 4.6 of other bytes and 2.4 of floats by ±1
(docs/native.md counts them). A core issues about as many of these instructions a cycle as it has
vector units of 128 bits, and does not reach that: daBNN's NEON kernels, with the same instructions,
did 115.6 million products of a 3×3 convolution in 0.99 to 1.29 ms on a core of a Pixel 1 with two
such units (https://github.com/JDAI-CV/dabnn, README; 2.15 GHz), 42 to 54 a cycle of 66: 0.7 is
taken.

AVX2 kernels did 190 to 239 products of bits a cycle by look-up and about 95 by counting, inside
convolutions on Zen 3, which shuffles two vectors of 256 bits a cycle; so do Intel's large cores,
and the small ones two of 128 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from bnnplan.models.converters import as_dict

REACHED = 0.7
"""Of what instructions could do at best."""
BITS, BYTES_LOOKED_UP, BYTES, NUMBERS = 33.0, 8.2, 4.6, 2.4
"""Products an instruction of NEON kernels."""


@frozen
class CoreType:
    """What a core does in one cycle inside a layer.

    Parameters
    ----------
    bits : mapping of str to float
        Products of bits, by kernel variant.
    looked_up, byte_products, numbers : float
        Products by ±1: of few bytes, of other bytes, of numbers.
    floats : float
        Products of floats.
    vectors : float
        Vectors of 128 bits that it loads, changes or stores.
    """

    bits: Mapping[str, float] = field(converter=as_dict)
    looked_up: float
    byte_products: float
    numbers: float
    floats: float
    vectors: float


def _neon(units: float) -> CoreType:
    """A core with so many vector units of 128 bits."""
    rate = units * REACHED
    bits = {"neon": BITS * rate}
    return CoreType(bits, BYTES_LOOKED_UP * rate, BYTES * rate, NUMBERS * rate, 4 * rate, rate)


def _avx2(units: float) -> CoreType:
    """A core that shuffles so many vectors of 128 bits a cycle."""
    rate = units / 4
    bits = {"avx2": 95 * rate, "avx2-lookup": 210 * rate}
    return CoreType(bits, 60 * rate, 50 * rate, 12 * rate, 11 * rate, 4 * rate)


CORE_TYPES: Mapping[str, CoreType] = {
    # Two units of 64 bits (Arm, technical reference manuals).
    "Cortex-A53": _neon(1),
    "Cortex-A55": _neon(1),
    # Two units of 128 bits (Arm, software optimization guides; NVIDIA for Denver).
    "Cortex-A57": _neon(2),
    "Cortex-A72": _neon(2),
    "Cortex-A73": _neon(2),
    "Cortex-A76": _neon(2),
    "Cortex-A78AE": _neon(2),
    "Denver-2": _neon(2),
    "Raptor-Cove": _avx2(4),
    "Gracemont": _avx2(2),
}
