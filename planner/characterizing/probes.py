"""Layers that are always the same: the probe that tells the pace, and one that takes hardly any
time.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bnnplan.backends.registry import load_backends
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, FloatConv2d
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.board import Board, BoardError


@frozen
class Probes:
    """Two layers of one kind, both of which can be shared out over threads.

    Parameters
    ----------
    probe : BoundLayer
        What it takes beside other layers tells the pace of the machine meanwhile.
    small : BoundLayer
        A program of it alone takes little more than starting and finishing do.
    """

    probe: BoundLayer
    small: BoundLayer


BITS = Probes(
    BoundLayer(
        BinaryConv2d(weight=np.ones((128, 3, 3, 128), np.int8), pads=(1, 1, 1, 1)),
        (TensorType((14, 14, 128), ElementType.BIT),),
    ),
    BoundLayer(
        BinaryConv2d(weight=np.ones((64, 1, 1, 64), np.int8)),
        (TensorType((4, 4, 64), ElementType.BIT),),
    ),
)
NUMBERS = Probes(
    BoundLayer(
        FloatConv2d(weight=np.ones((32, 3, 3, 32), np.float32), pads=(1, 1, 1, 1)),
        (TensorType((14, 14, 32), ElementType.FLOAT32),),
    ),
    BoundLayer(
        FloatConv2d(weight=np.ones((16, 1, 1, 16), np.float32)),
        (TensorType((4, 4, 16), ElementType.FLOAT32),),
    ),
)
"""For devices that run no layers of bits."""


def probes_of(board: Board, device: str) -> Probes:
    """The first of :data:`BITS` and :data:`NUMBERS` that a device runs.

    Raises
    ------
    BoardError
        If it runs neither: then nothing tells the pace.
    """
    where = board.device(device)
    backend = load_backends().usable.get(where.backend)
    for probes in (BITS, NUMBERS):
        layers = probes.probe, probes.small
        if backend is not None and not any(backend.supports(bound, where) for bound in layers):
            return probes
    raise BoardError(
        f"device {device} runs neither convolutions of bits nor of float32 numbers, by which the "
        "pace of a machine is told, so it cannot be characterized; leave it out with --devices"
    )
