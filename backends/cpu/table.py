"""Which function prepares which layer: one entry a layer class, for bits and for numbers."""

from __future__ import annotations

from collections.abc import Callable

from bnnplan.backends.cpu.native import CData
from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import Layer
from bnnplan.models.tensors import ElementType

Prepare = Callable[[BoundLayer, Configuration], CData]
"""Makes the native kernel (``bnn_kernel *``) of a layer in a configuration."""

BITS: dict[type[Layer], Prepare] = {}
"""For layers whose first input is bits."""
NUMBERS: dict[type[Layer], Prepare] = {}
"""For layers whose first input is numbers."""


def prepares(
    *kinds: type[Layer], bits: bool = False, numbers: bool = False
) -> Callable[[Prepare], Prepare]:
    """Enter a function into the tables.

    Parameters
    ----------
    *kinds : layer classes
    bits, numbers : bool
        Which inputs it takes; at least one of them.
    """

    def enter(function: Prepare) -> Prepare:
        for kind in kinds:
            if bits:
                BITS[kind] = function
            if numbers:
                NUMBERS[kind] = function
        return function

    return enter


def lookup(bound: BoundLayer) -> Prepare | None:
    """The function that prepares a layer; None if there is none."""
    is_bit = bound.inputs[0].element is ElementType.BIT
    return (BITS if is_bit else NUMBERS).get(type(bound.layer))
