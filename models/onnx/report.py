"""What an import made of a file, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.models.layers import (
    BinaryWeightConv2d,
    BinaryWeightDense,
    FloatConv2d,
    FloatDense,
)


@frozen
class ImportReport:
    """What an import recognised and assumed.

    Parameters
    ----------
    binary : tuple of str
        Layers that multiply bits by bits.
    binary_weight : tuple of str
        Layers that multiply numbers by ±1 weights.
    floating : tuple of str
        Convolutions and dense layers that stayed float.
    assumptions : tuple of str
        What the file leaves open or the network does otherwise, a line each.
    folded : tuple of str
        Operators that were computed while importing and are gone, with their number.
    """

    binary: tuple[str, ...]
    binary_weight: tuple[str, ...]
    floating: tuple[str, ...]
    assumptions: tuple[str, ...]
    folded: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report as lines of text."""
        parts = (
            ("binary layer", "binary layers", self.binary),
            (
                "layer with binary weights only",
                "layers with binary weights only",
                self.binary_weight,
            ),
            ("layer that stayed float", "layers that stayed float", self.floating),
        )
        found = [
            f"{len(names)} {one if len(names) == 1 else many}: {', '.join(names)}"
            for one, many, names in parts
            if names
        ]
        if not self.binary:
            found.insert(0, "no layer multiplies bits by bits")
        if self.folded:
            found.append(f"computed while importing: {', '.join(self.folded)}")
        return found + [f"assumed: {line}" for line in self.assumptions]


def report_on(network: Network, assumptions: Iterable[str], folded: Iterable[str]) -> ImportReport:
    """Sort the layers of an imported network."""
    nodes = network.nodes
    weights_only, floating = (BinaryWeightConv2d, BinaryWeightDense), (FloatConv2d, FloatDense)
    return ImportReport(
        binary=tuple(n.name for n in nodes if n.layer.is_binary),
        binary_weight=tuple(n.name for n in nodes if isinstance(n.layer, weights_only)),
        floating=tuple(n.name for n in nodes if isinstance(n.layer, floating)),
        assumptions=tuple(assumptions),
        folded=tuple(f"{count} {kind}" for kind, count in sorted(Counter(folded).items())),
    )
