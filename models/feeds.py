"""What a caller feeds a network: plain arrays, checked before anything runs.

A plain array has the batch axis first and one element per value: bits are int8 arrays of +1 and
-1, numbers have the type of their elements.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType, TensorType


def check_feeds(network: Network, feeds: Mapping[str, np.ndarray], batch: int | None = None) -> int:
    """The number of images that the feeds hold; nothing is converted silently.

    Parameters
    ----------
    network : Network
    feeds : mapping of str to ndarray
        A plain array for every input of the network.
    batch : int, optional
        The number of images that there must be.

    Raises
    ------
    InputError
        If an input is missing, unknown, or of a wrong shape, element type or range, or if inputs
        differ in the number of images.
    """
    count = check_form(network, feeds, batch)
    for name, type in network.inputs.items():
        if type.element is ElementType.BIT and not (np.abs(feeds[name]) == 1).all():
            raise InputError(f"input {name!r} consists of bits: every element must be +1 or -1")
    return count


def check_form(network: Network, feeds: Mapping[str, np.ndarray], batch: int | None = None) -> int:
    """:func:`check_feeds` without a look at the values, which may lie in a file."""
    if unknown := [name for name in feeds if name not in network.inputs]:
        known = ", ".join(network.inputs)
        raise InputError(f"network {network.name!r} has no input {unknown[0]!r}; it has {known}")
    batches = set()
    for name, type in network.inputs.items():
        if name not in feeds:
            raise InputError(f"input {name!r} of network {network.name!r} is missing")
        array, wanted = feeds[name], plain_dtype(type)
        if array.shape[1:] != type.shape or array.ndim == 0 or len(array) != (batch or len(array)):
            shape = ", ".join(map(str, (batch or "batch", *type.shape)))
            order = ": batch, height, width, channels" if len(type.shape) == 3 else ""
            raise InputError(f"input {name!r} must have shape ({shape}), not {array.shape}{order}")
        if len(array) == 0:
            raise InputError(f"input {name!r} holds no images: its shape is {array.shape}")
        if array.dtype != wanted:
            raise InputError(f"input {name!r} must be of type {wanted}, not {array.dtype}")
        batches.add(len(array))
    if len(batches) > 1:
        raise InputError(f"inputs differ in batch size: {sorted(batches)}")
    return batches.pop()


def plain_dtype(type: TensorType) -> np.dtype:
    """Element type of plain arrays of a tensor type: int8 for bits."""
    return np.dtype(np.int8) if type.element is ElementType.BIT else type.element.dtype


def describe_input(type: TensorType) -> str:
    """What to feed an input, in a line: element type, axes with their order, and range."""
    images = len(type.shape) == 3
    axes = "batch, height, width, channels" if images else "batch, elements"
    shape = ", ".join(map(str, ("N", *type.shape)))
    return f"{plain_dtype(type)} of shape ({shape}): {axes}; {_range(type)}"


def _range(type: TensorType) -> str:
    if type.element is ElementType.BIT:
        return "every element +1 or -1"
    if type.element is ElementType.FLOAT32:
        return "scaled as in training"
    limits = np.iinfo(type.element.dtype)
    return f"from {limits.min} to {limits.max}"
