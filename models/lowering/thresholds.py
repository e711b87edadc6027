"""Fold what stands before a sign into one threshold per channel, exactly.

A chain of batch norms, scales, clips and the like, each monotone, followed by a sign, is -1 on
one side of some value and +1 on the other. That value is found by bisection over the real
float32 computation, so it is right for every input: also for negative and zero scales, and
whatever the rounding does.

Larq folds ``floor((beta / gamma + K) / 2)`` instead, which is right up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Layer, Sign, Threshold
from bnnplan.models.lowering.bisection import find_threshold
from bnnplan.models.lowering.bounds import Bounds, bounds
from bnnplan.models.lowering.rewriting import everywhere, private_producer, substitute
from bnnplan.models.lowering.semantics import apply, is_monotone, is_negative
from bnnplan.models.tensors import ElementType, TensorType


def fold_thresholds(network: Network) -> Network:
    """Fold every chain of monotone layers before a Sign or Threshold into a Threshold."""
    return everywhere(network, _fold)


def threshold_of(
    chain: Sequence[Layer], decision: Sign | Threshold, source: TensorType, limits: Bounds
) -> Threshold | None:
    """The threshold on `source` that equals the chain and the decision after it.

    Parameters
    ----------
    chain : sequence of Layer
        Monotone layers; may be empty.
    decision : Sign or Threshold
    source : TensorType
        Of numbers.
    limits : (least, greatest)
        Values of the source that occur.

    Returns
    -------
    Threshold or None
        None if there is no such threshold.
    """

    def negative(x: np.ndarray) -> np.ndarray:
        for layer in chain:
            x = apply(layer, x)
        return is_negative(decision, x)

    with np.errstate(all="ignore"):
        for end in limits:
            if not _is_defined(chain, np.full(source.channels, end, source.element.dtype)):
                return None
        return find_threshold(negative, source.channels, source.element.dtype, limits)


def _is_defined(chain: Sequence[Layer], x: np.ndarray) -> bool:
    """Whether the chain gives no NaN at an end of the line, and so nowhere on it.

    NaN comes from 0 times infinity only; if a value between the ends became infinite on the way,
    so did one of the ends. An infinite end is judged by the last finite number.
    """
    if x.dtype == np.float32:
        x = np.clip(x, np.finfo(np.float32).min, np.finfo(np.float32).max)
    for layer in chain:
        x = apply(layer, x)
    return not np.isnan(x).any()


def _fold(network: Network, node: Node) -> Network | None:
    if not isinstance(node.layer, Sign | Threshold):
        return None
    chain: list[Node] = []
    upper = private_producer(network, node)
    while upper is not None and is_monotone(upper.layer):
        chain.insert(0, upper)
        upper = private_producer(network, upper)
    limits = bounds(network) if chain else {}
    while chain:
        tensor = chain[0].inputs[0]
        source = network.types[tensor]
        if source.element is not ElementType.BIT:
            layers = [member.layer for member in chain]
            threshold = threshold_of(layers, node.layer, source, limits[tensor])
            if threshold is not None:
                folded = Node(node.name, threshold, [tensor], node.outputs)
                return substitute(network, [*chain, node], [folded])
        chain.pop(0)
    return None
