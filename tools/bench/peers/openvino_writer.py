"""What a network is while it is written for OpenVINO: a value for every tensor.

A bit is 1 for +1 and 0 for -1 there, and comes out of a FakeQuantize with two levels: only with
outputs {0, 1} is it fused into the convolution before it, and right. It is so fused even where
something else than a BinaryConvolution reads it, and then OpenVINO 2026.4 crashes; bits are
therefore kept as undecided numbers until a BinaryConvolution wants them, and pooled as numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from openvino import opset13

from bnnplan.models import layers
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network


@frozen(eq=False)
class Undecided:
    """Bits that nothing has asked for yet: +1 where `value` is above the limit.

    Where flipped, it is +1 where `value` is not above the limit.
    """

    value: Any
    limit: np.ndarray
    flip: np.ndarray


class Writer:
    """The OpenVINO output of every tensor so far.

    A flattened tensor keeps its image: `pixels` tells its real height and width.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.values: dict[str, Any] = {}
        self.undecided: dict[str, Undecided] = {}
        self.pixels: dict[str, tuple[int, int]] = {}

    def bits(self, tensor: str) -> Any:
        """A tensor of bits as {0, 1}, for a BinaryConvolution; one FakeQuantize for all of them."""
        if tensor not in self.values:
            made = self.undecided[tensor]
            low, high = per_channel(made.limit), per_channel(made.limit)
            # Bounds that share a constant keep it from being fused.
            bounds = (low, low) if is_sum_of_products(made.value) else (low, high)
            made_of = [per_channel(made.flip), per_channel(~made.flip)]
            self.values[tensor] = opset13.fake_quantize(made.value, *bounds, *made_of, 2)
        return self.values[tensor]

    def numbers(self, tensor: str) -> Any:
        """A tensor as numbers: bits as ±1."""
        if tensor in self.pixels:
            raise UnsupportedError(f"tensor {tensor!r} is flattened for something else than Dense")
        if tensor not in self.undecided:
            return self.values[tensor]
        made = self.undecided[tensor]
        above = opset13.greater(made.value, per_channel(made.limit))
        plus, minus = (
            per_channel(np.where(made.flip, -1, 1)),
            per_channel(np.where(made.flip, 1, -1)),
        )
        return opset13.select(above, plus, minus)

    def window(self, tensor: str) -> tuple[int, int]:
        """Height and width that a dense layer of the tensor covers."""
        return self.pixels.get(tensor, (1, 1))


def is_sum_of_products(value: Any) -> bool:
    """Whether a value adds something to what a BinaryConvolution gives.

    OpenVINO 2026.4 fuses such an addition and the FakeQuantize behind it into the convolution, and
    then gives other bits.
    """
    node = getattr(value, "get_node", lambda: value)()
    if node.get_type_name() != "Add":
        return False
    made_by = {source.get_node().get_type_name() for source in node.input_values()}
    return "BinaryConvolution" in made_by


def per_channel(values: np.ndarray) -> Any:
    """One value a channel, to broadcast over NCHW."""
    return opset13.constant(values.astype(np.float32).reshape(1, -1, 1, 1))


def undecided(value: Any, rule: layers.Threshold) -> Undecided:
    """The bits that a threshold makes of numbers."""
    # FakeQuantize asks for "above", a threshold for "not below"; and "not above" where flipped.
    if rule.threshold.dtype == np.int32:
        limit = rule.threshold.astype(np.float64) + np.where(rule.flip, 0.5, -0.5)
    else:
        below = np.nextafter(rule.threshold, np.float32(-np.inf))
        limit = np.where(rule.flip, rule.threshold, below)
    return Undecided(value, limit, rule.flip)
