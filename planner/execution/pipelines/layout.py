"""What the stages of a stream run, wait for, and pass on: known before any memory is taken.

Execution makes threads and rings of it, simulation makes events of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from attrs import field, frozen

from bnnplan.backends.host import HOST
from bnnplan.models.converters import as_tuple
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.execution.pipelines.units import Unit, units
from bnnplan.planner.execution.segments import Segment, cut
from bnnplan.planner.execution.staging import Formats, Place, StagedLayer, Staging
from bnnplan.planner.plan_parts import PlannedStream


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
    layers : tuple of tuple of StagedLayer
        For each segment: what its layers read and write.
    exports : tuple of (Place, Place)
        What it copies into ordinary memory for other stages, after its segments.
    waits : tuple of Wait
    uploads : tuple of Place
        Where it copies network inputs to, from the caller's window, before all else.
    downloads : tuple of Place
        What it copies into the caller's window, after all else.
    """

    number: int
    segments: tuple[Segment, ...] = field(converter=as_tuple)
    copies: tuple[tuple[tuple[Place, Place], ...], ...] = field(converter=as_tuple)
    layers: tuple[tuple[StagedLayer, ...], ...] = field(converter=as_tuple)
    exports: tuple[tuple[Place, Place], ...] = field(converter=as_tuple)
    waits: tuple[Wait, ...] = field(converter=as_tuple)
    uploads: tuple[Place, ...] = field(converter=as_tuple)
    downloads: tuple[Place, ...] = field(converter=as_tuple)

    @property
    def devices(self) -> tuple[str, ...]:
        """That its layers run on, in order."""
        return tuple(dict.fromkeys(segment.device for segment in self.segments))

    @property
    def names(self) -> tuple[str, ...]:
        """Of its layers, in order."""
        return tuple(node.name for segment in self.segments for node in segment.nodes)


@frozen
class StreamLayout:
    """A stream.

    Parameters
    ----------
    stages : tuple of LaidStage
        The first one begins every frame.
    rings : dict of Place to int
        How often each tensor that one stage makes and another reads is held.
    windows : frozenset of Place
        Network inputs and outputs that stages read and write in the caller's window itself. They
        are neither uploaded nor downloaded.
    staging : Staging
        The same segments, with the owner of every place.
    """

    stages: tuple[LaidStage, ...] = field(converter=as_tuple)
    rings: dict[Place, int]
    windows: frozenset[Place]
    staging: Staging = field(eq=False, repr=False)


def lay_out(
    network: Network, board: Board, stream: PlannedStream, formats: Formats, *, slack: int
) -> StreamLayout:
    """Lay a stream out.

    A tensor that one stage makes and another reads is held as often as `problem` counts, from the
    stage where it is made to the last where it is read, and `slack` times more: then a stage that
    takes longer now and then does not stop the others.

    Copies are made by the stage that reads first, but those from another memory space into ordinary
    memory by the stage that made the tensor: so it is always the thread of the device with the
    other space that waits for the copy, as `encoding_tensors` counts it.

    Parameters
    ----------
    network : Network
    board : Board
    stream : PlannedStream
    formats : callable
        Input and output formats of the kernel that the stream gives a node.
    slack : int
        At least 0.

    Raises
    ------
    PlanError
        If a layer reads what a later stage makes.
    """
    found = units(network, board, stream)
    assignment = {layer.name: (layer.device, layer.configuration) for layer in stream.layers}
    segments = [cut(network, assignment, [layer.name for layer in unit]) for unit in found]
    flat = [segment for mine in segments for segment in mine]
    staging = Staging(network, board, assignment, formats, segments=flat)
    numbers = [number for number, mine in enumerate(segments) for _ in mine]
    exports = _exports(staging, numbers)
    made, read = _uses(staging, numbers, exports)
    windows = frozenset(place for place in staging.owners if _is_window(network, place, staging))
    before = _makers(network, windows, made, read, len(found))
    depths = _depths(found, before)
    rings = {
        place: max(depths[reader] for reader in readers) - depths[made[place]] + 1 + slack
        for place, readers in read.items()
        if place not in windows and readers - {made[place]}
    }
    laid = []
    for number, unit in enumerate(found):
        mine = [stage for stage, at in zip(staging.stages, numbers, strict=True) if at == number]
        laid.append(
            LaidStage(
                number=_number(unit),
                segments=[stage.segment for stage in mine],
                copies=[tuple(c for c in stage.copies if c not in exports) for stage in mine],
                layers=[stage.layers for stage in mine],
                exports=[copy for copy, maker in exports.items() if maker == number],
                waits=[
                    *(Wait(maker, 0) for maker in sorted(before[number])),
                    *_overwriting(number, rings, made, read),
                ],
                uploads=[p for p in staging.uploads if p not in windows and made[p] == number],
                downloads=[
                    place
                    for _, place in dict(staging.outputs).items()
                    if place is not None and place not in windows and made[place] == number
                ],
            )
        )
    return StreamLayout(laid, rings, windows, staging)


def _number(unit: Unit) -> int:
    return (unit[0].stage or 0) if unit else 0


def _is_window(network: Network, place: Place, staging: Staging) -> bool:
    """Whether a network input or output is of the form that the caller's window has."""
    tensor, space, format = place
    if space != HOST or format != network.types[tensor].format:
        return False
    return tensor in network.inputs or dict(staging.outputs).get(tensor) == place


def _exports(staging: Staging, numbers: Sequence[int]) -> dict[tuple[Place, Place], int]:
    """Copies into ordinary memory for other units, with the unit that made what is copied."""
    made: dict[Place, int] = {}
    found: dict[tuple[Place, Place], int] = {}
    for stage, number in zip(staging.stages, numbers, strict=True):
        for source, target in stage.copies:
            if target[1] == HOST != source[1] and made[source] != number:
                found[source, target] = made[source]
        for layer in stage.layers:
            made.update(dict.fromkeys(layer.outputs, number))
    return found


def _uses(
    staging: Staging, numbers: Sequence[int], exports: Mapping[tuple[Place, Place], int]
) -> tuple[dict[Place, int], dict[Place, set[int]]]:
    """The unit that makes each place (for inputs: the first that reads it), and its readers."""
    made: dict[Place, int] = {}
    read: dict[Place, set[int]] = {}
    for stage, number in zip(staging.stages, numbers, strict=True):
        for source, target in stage.copies:
            copier = exports.get((source, target), number)
            read.setdefault(source, set()).add(copier)
            made.setdefault(target, copier)
        for layer in stage.layers:
            for place in layer.inputs:
                made.setdefault(place, number)
                read.setdefault(place, set()).add(number)
            for place in layer.outputs:
                made[place] = number
    return made, read


def _makers(
    network: Network,
    windows: Set[Place],
    made: Mapping[Place, int],
    read: Mapping[Place, set[int]],
    count: int,
) -> list[set[int]]:
    """For each unit those that make what it reads."""
    before: list[set[int]] = [set() for _ in range(count)]
    for place, readers in read.items():
        if place in windows and place[0] in network.inputs:
            continue  # The caller makes it, before any of them.
        for reader in readers - {made[place]}:
            before[reader].add(made[place])
    return before


def _depths(found: Sequence[Unit], before: Sequence[Iterable[int]]) -> list[int]:
    """Stage numbers, moved on where units of one stage share a copy that one of them makes."""
    depths: list[int] = []
    for unit, makers in zip(found, before, strict=True):
        depths.append(max([_number(unit), *(depths[maker] + 1 for maker in makers)]))
    return depths


def _overwriting(
    number: int,
    rings: Mapping[Place, int],
    made: Mapping[Place, int],
    read: Mapping[Place, set[int]],
) -> list[Wait]:
    """What a unit waits for before it overwrites the rings that it makes."""
    lags: dict[int, int] = {}
    for place, size in rings.items():
        if made[place] == number:
            for reader in sorted(read[place] - {number}):
                lags[reader] = min(size, lags.get(reader, size))
    return [Wait(reader, lag) for reader, lag in sorted(lags.items())]
