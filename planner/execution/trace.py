"""What happened in one run: events with their times, and the sums a person checks first."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence

from attrs import frozen


class EventKind(enum.StrEnum):
    """What an event is."""

    LAYER = "layer"
    TRANSFER = "transfer"
    LAUNCH = "launch"
    BATCH = "batch"
    """All that a stage of a pipeline did for a batch."""
    WAIT = "wait"
    """Of a stage, for others."""


@frozen
class Event:
    """Something that took time on a device.

    Parameters
    ----------
    kind : EventKind
    name : str
        Node, or tensor with source and target.
    device : str
        Of pipelines, what the thread of a stage is called.
    start, duration : int
        Nanoseconds; `start` counts from the beginning of the run.
    """

    kind: EventKind
    name: str
    device: str
    start: int
    duration: int


@frozen
class Trace:
    """All events of one run.

    Parameters
    ----------
    events : tuple of Event
    total : int
        Nanoseconds end to end, from the caller's arrays to the caller's arrays.
    """

    events: tuple[Event, ...]
    total: int

    def sum(self, kind: EventKind) -> int:
        """Nanoseconds of all events of a kind."""
        return sum(event.duration for event in self.events if event.kind is kind)

    def by_name(self, kind: EventKind) -> dict[str, int]:
        """Duration by name of all events of a kind; events of one name are added up."""
        found: dict[str, int] = {}
        for event in self.events:
            if event.kind is kind:
                found[event.name] = found.get(event.name, 0) + event.duration
        return found


def perfetto(traces: Sequence[Trace]) -> str:
    """Runs as trace-event JSON, which ui.perfetto.dev and chrome://tracing open.

    Source of the format: "Trace Event Format", the Chromium project; complete events, ``ph: X``,
    times in microseconds.
    """
    events = []
    offset = 0
    devices = sorted({event.device for trace in traces for event in trace.events})
    for index, device in enumerate(devices):
        name = {"name": device}
        events.append({"ph": "M", "pid": 0, "tid": index, "name": "thread_name", "args": name})
    for trace in traces:
        events += [
            {
                "ph": "X",
                "pid": 0,
                "tid": devices.index(event.device),
                "name": event.name,
                "cat": event.kind.value,
                "ts": (offset + event.start) / 1000,
                "dur": event.duration / 1000,
            }
            for event in trace.events
        ]
        offset += trace.total
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns"})
