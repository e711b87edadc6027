"""What stages did, turn by turn, as events of a trace: of a run and of a simulation alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen

from bnnplan.backends.pipeline import StageTurn
from bnnplan.models.converters import as_tuple
from bnnplan.planner.execution.pipelines.layout import Wait
from bnnplan.planner.execution.trace import Event, EventKind, Trace

LEAST_WAIT_NS = 1_000
"""Of a wait that is shown: threads take nearly as long from one turn to the next anyway."""


@frozen
class StageTurns:
    """A stage, and the last of its turns or the first.

    Parameters
    ----------
    stream, stage : int
        As the plan counts them.
    position : int
        In the stream: threads of one stage are side by side.
    devices : tuple of str
    waits : tuple of Wait
    turns : tuple of StageTurn
        One after the other; times are of one clock for all stages.
    pause : int
        Nanoseconds from the end of a turn to the begin of the next in which it waits for nobody.
    """

    stream: int
    stage: int
    position: int
    devices: tuple[str, ...] = field(converter=as_tuple)
    waits: tuple[Wait, ...] = field(converter=as_tuple)
    turns: tuple[StageTurn, ...] = field(converter=as_tuple)
    pause: int = 0

    @property
    def row(self) -> str:
        """Of its events in a trace."""
        on = " and ".join(self.devices) or "transfers"
        return f"stream {self.stream}, stage {self.stage}, thread {self.position}: {on}"


def stage_events(stream: Sequence[StageTurns]) -> Iterator[Event]:
    """A batch for every turn, and a wait for what kept a stage of the stream from beginning it.

    A stage that could have begun waits for nobody: its thread was not woken yet, or it had no core.
    """
    ends = [{one.turn: one.end for one in stage.turns} for stage in stream]
    for stage in stream:
        before: StageTurn | None = None
        for one in stage.turns:
            if before is not None:
                free = before.end + stage.pause
                if one.begin - free >= LEAST_WAIT_NS:
                    name = _cause(stage, one, free, ends)
                    if name is not None:
                        yield Event(EventKind.WAIT, name, stage.row, free, one.begin - free)
            took = one.end - one.begin
            yield Event(EventKind.BATCH, f"batch {one.number}", stage.row, one.begin, took)
            before = one


def _cause(
    stage: StageTurns, one: StageTurn, free: int, ends: Sequence[dict[int, int]]
) -> str | None:
    """What ended last of all that a turn waits for, if that was after the stage was free."""
    last, name = free, None
    for wait in stage.waits:
        end = ends[wait.stage].get(one.turn - wait.lag)
        if end is not None and end > last:
            what = f"room: thread {wait.stage}" if wait.lag else f"input: thread {wait.stage}"
            last, name = end, f"waits for {what}"
    return "waits for a batch" if name is None and stage.position == 0 else name


def trace_of_turns(streams: Sequence[Sequence[StageTurns]]) -> Trace:
    """The last turns of all stages, from when on those of every stage are known."""
    stages = [stage for stream in streams for stage in stream if stage.turns]
    cut = [stage.turns[0].begin for stage in stages if stage.turns[0].turn]
    start = max(cut, default=min((stage.turns[0].begin for stage in stages), default=0))
    events = [event for stream in streams for event in stage_events(stream)]
    return in_order(event for event in events if event.start >= start)


def in_order(events: Iterable[Event]) -> Trace:
    """Events as a trace that begins with the first of them; what contains others is before them."""
    found = sorted(events, key=lambda event: (event.start, -event.duration))
    start = found[0].start if found else 0
    moved = [
        Event(event.kind, event.name, event.device, event.start - start, event.duration)
        for event in found
    ]
    return Trace(tuple(moved), max((event.start + event.duration for event in moved), default=0))
