"""Which configurations of a layer are worth measuring."""

from __future__ import annotations

from itertools import combinations

from bnnplan.backends.cpu.native import LOOKUPS
from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer

NEURON_BLOCK = 32
"""Output channels that a kernel computes together: fewer are not shared out."""
LOOKUP_BLOCK = 64
"""The same for kernels that look products up, or pool whole words of bits."""


def _thread_counts(most: int) -> list[int]:
    powers = [1 << i for i in range(1, most.bit_length()) if 1 << i <= most]
    return powers if most in (1, *powers) else [*powers, most]


def _useful_axes(bound: BoundLayer, variant: str) -> str:
    """Axes along which there is more than one piece of work."""
    output = bound.outputs[0]
    takes_words = variant in LOOKUPS.values() or getattr(bound.layer, "pool", None) is not None
    extents = {
        "X": bound.batch,
        "Y": output.shape[0] if len(output.shape) == 3 else 1,
        "Z": -(-output.channels // (LOOKUP_BLOCK if takes_words else NEURON_BLOCK)),
    }
    return "".join(axis for axis, extent in extents.items() if extent > 1)


def worth_measuring(bound: BoundLayer, threads: int, variant: str) -> list[Configuration]:
    """One thread, and every number of threads with every set of axes that can use it.

    Layers without products only have their work shared out along all useful axes at once: they
    are bound by memory, and how they are cut hardly matters.

    Parameters
    ----------
    bound : BoundLayer
    threads : int
        Of the device.
    variant : str
        The kernel variant to use.
    """
    found = [Configuration("", 1, variant)]
    axes = _useful_axes(bound, variant)
    if not axes:
        return found
    has_products = bound.layer.macs(bound.inputs) > 0
    for count in _thread_counts(threads):
        if not has_products:
            found.append(Configuration(axes, count, variant))
            continue
        # Two threads cannot be shared out over two axes.
        most = min(len(axes), count.bit_length() - 1)
        for size in range(1, most + 1):
            found += [
                Configuration("".join(chosen), count, variant)
                for chosen in combinations(axes, size)
            ]
    return found
