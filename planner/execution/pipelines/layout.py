"""What the stages of a stream run, wait for, and pass on: known before any memory is taken.

Execution makes threads and rings of it, simulation makes events of it.
"""

from __future__ import annotations

from attrs import field, frozen

from bnnplan.models.converters import as_tuple
from bnnplan.planner.execution.segments import Segment
from bnnplan.planner.execution.staging import Place


@frozen
class Wait:
    """Before turn t of a stage, `stage` of the same stream must have ended turn t - lag.

    With lag 0 it makes what is read; with more it reads what would be overwritten.
    """

    stage: int
    lag: int


@frozen
class LaidStage:
    """What one thread does for every frame of a stream.

    Layers of one stage whose devices share resources run one after the other; layers that share
    none are different stages of this list, though their number in the plan is the same.

    Parameters
    ----------
    number : int
        In the plan's pipeline, from 0.
    segments : tuple of Segment
        In order.
    copies : tuple of tuple of (Place, Place)
        For each segment: from where to where tensors are copied before it.
    waits : tuple of Wait
    uploads : tuple of Place
        Network inputs that it reads from the caller's window.
    downloads : tuple of str
        Network outputs that it puts into the caller's window.
    """

    number: int
    segments: tuple[Segment, ...] = field(converter=as_tuple)
    copies: tuple[tuple[tuple[Place, Place], ...], ...] = field(converter=as_tuple)
    waits: tuple[Wait, ...] = field(converter=as_tuple)
    uploads: tuple[Place, ...] = field(converter=as_tuple)
    downloads: tuple[str, ...] = field(converter=as_tuple)


@frozen
class StreamLayout:
    """A stream.

    Parameters
    ----------
    stages : tuple of LaidStage
        The first one begins every frame.
    rings : dict of Place to int
        How often each tensor that one stage makes and another reads is held.
    """

    stages: tuple[LaidStage, ...] = field(converter=as_tuple)
    rings: dict[Place, int]
