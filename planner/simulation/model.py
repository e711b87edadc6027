"""What a simulation runs: threads that do work turn by turn, and what they wait for."""

from __future__ import annotations

from attrs import field, frozen

from bnnplan.models.converters import as_tuple
from bnnplan.planner.execution.pipelines.layout import Wait
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.simulation.spread import Spread
from bnnplan.planner.uncertainty import Doubt


@frozen
class Activity:
    """A layer, a transfer or a launch, as part of a turn.

    Parameters
    ----------
    kind : EventKind
    name, device : str
    resources : frozenset of str
        Cores, queues and links that it keeps busy.
    ns : int
        The median of what it takes.
    spread : Spread or None
        Of its own, from turn to turn; None where it always takes the same.
    doubt : Doubt or None
        How far the median may be off; None where nothing is known of that.
    """

    kind: EventKind
    name: str
    device: str
    resources: frozenset[str]
    ns: int
    spread: Spread | None = None
    doubt: Doubt | None = None


@frozen
class ModelledStage:
    """A thread of a stream.

    Parameters
    ----------
    number : int
        Of its stage in the plan.
    activities : tuple of Activity
        In order.
    waits : tuple of Wait
    spread : Spread or None
        That all activities of a turn have in common.
    pause : int
        Nanoseconds from the end of a turn to the begin of the next, at the least.
    """

    number: int
    activities: tuple[Activity, ...] = field(converter=as_tuple)
    waits: tuple[Wait, ...] = field(converter=as_tuple)
    spread: Spread | None = None
    pause: int = 0

    @property
    def devices(self) -> tuple[str, ...]:
        """That its layers run on, in order."""
        layers = (one for one in self.activities if one.kind is EventKind.LAYER)
        return tuple(dict.fromkeys(one.device for one in layers))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of its layers, in order."""
        return tuple(one.name for one in self.activities if one.kind is EventKind.LAYER)


@frozen
class Ring:
    """Copies of a tensor between stages of a stream.

    Parameters
    ----------
    tensor, space : str
    maker : int
        The stage that writes it.
    readers : tuple of int
    count : int
        Of slots.
    nbytes : int
        Of a slot.
    """

    tensor: str
    space: str
    maker: int
    readers: tuple[int, ...] = field(converter=as_tuple)
    count: int
    nbytes: int


@frozen
class ModelledStream:
    """A stream: its first stage takes a batch whenever it is free and may begin."""

    stages: tuple[ModelledStage, ...] = field(converter=as_tuple)
    rings: tuple[Ring, ...] = field(default=(), converter=as_tuple)


@frozen
class Model:
    """What is simulated.

    Parameters
    ----------
    streams : tuple of ModelledStream
    window : int
        Slots in which batches enter and leave.
    """

    streams: tuple[ModelledStream, ...] = field(converter=as_tuple)
    window: int
