"""The rules of one inference: who waits for whom, what never overlaps, and what memory holds."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping

from bnnplan.planner.solution import Violation, ViolationCode
from bnnplan.planner.solvers.checking.choice import Chosen, Key

Times = Mapping[Key, tuple[int, int]]
"""Start and end (ns) of the activities of a solution; of a wrong one, some may be missing."""


def schedule_faults(chosen: Chosen, times: Times) -> Iterator[Violation]:
    """Give every rule of one inference that the times break, capacities apart."""
    yield from _precedence(chosen, times)
    yield from _overlaps(chosen, times)
    if chosen.parts_in_circle():
        words = "contiguous parts and tasks wait for each other in a circle"
        yield Violation(ViolationCode.CONTIGUITY, words)
    for device in chosen.parts:
        yield from _contiguity(chosen, times, device)


def _precedence(chosen: Chosen, times: Times) -> Iterator[Violation]:
    """Nothing starts before what it waits for has ended."""
    for key, (start, _) in times.items():
        for other in chosen.activities[key].after & times.keys():
            if start < times[other][1]:
                yield Violation(
                    ViolationCode.PRECEDENCE,
                    f"{chosen.activities[key].words} starts at {start} ns, but "
                    f"{chosen.activities[other].words} ends at {times[other][1]} ns",
                )


def _overlaps(chosen: Chosen, times: Times) -> Iterator[Violation]:
    """Two things that occupy a resource never overlap; what takes no time overlaps nothing."""
    busy: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for key, (start, end) in times.items():
        if end > start:
            for resource in chosen.activities[key].resources:
                busy[resource].append((start, end, chosen.activities[key].words))
    for resource, uses in sorted(busy.items()):
        for (_, end, first), (start, _, second) in itertools.pairwise(sorted(uses)):
            if start < end:
                yield Violation(
                    ViolationCode.RESOURCE_OVERLAP,
                    f"{first} and {second} overlap on {resource!r} at {start} ns",
                )


def _part_times(times: Times, part: set[Key]) -> tuple[int, int]:
    known = part & times.keys()
    return min(times[key][0] for key in known), max(times[key][1] for key in known)


def _contiguity(chosen: Chosen, times: Times, device: str) -> Iterator[Violation]:
    """A part has all it reads when it starts, its device alone, and gives when it has ended."""
    part = chosen.parts[device]
    first, last = _part_times(times, part)

    def fault(what: str) -> Violation:
        where = f"the part of contiguous device {device!r}, from {first} to {last} ns"
        return Violation(ViolationCode.CONTIGUITY, f"{what} {where}")

    def begins(key: Key) -> int:
        return times[key][0] if key in times else last

    for edge in chosen.problem.edges:
        source, target = chosen.device(chosen.source(edge)), chosen.device(edge.target)
        if source != device == target:
            made: set[Key] = {(chosen.source(edge),)}
            if (edge.tensor, chosen.port(edge)) in chosen.needed and edge.tensor in chosen.exports:
                made.add((edge.tensor, chosen.exports[edge.tensor].port, "export"))
            ready = [times[key][1] for key in made & times.keys()]
            if source in chosen.parts:
                ready.append(_part_times(times, chosen.parts[source])[1])
            if max(ready) > first:
                yield fault(f"tensor {edge.tensor!r} is there at {max(ready)} ns for")
        if source == device != target and begins((edge.target,)) < last:
            yield fault(f"task {edge.target!r} reads {edge.tensor!r} before the end of")
    for name, port in chosen.needed:
        own = chosen.device(chosen.tensors[name].source) == device
        if own and (name, port) not in part and begins((name, port)) < last:
            yield fault(f"tensor {name!r} is transferred to {port!r} before the end of")
    for key in times.keys() - part:
        start, end = times[key]
        shared = chosen.activities[key].resources & chosen.resources[device]
        # What takes no time overlaps nothing, be it the part or something else.
        if shared and start < last and first < end and start < end and first < last:
            yield fault(f"{chosen.activities[key].words} comes between")


def schedule_peaks(chosen: Chosen, times: Times) -> dict[str, int]:
    """Give the most bytes that each space holds at once, weights included."""
    peaks = {space.name: 0 for space in chosen.problem.spaces}
    for option in chosen.option.values():
        peaks[option.space] += option.weight_bytes
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for space, held, start, end in holdings(chosen, times):
        if end > start:
            changes[space] += [(start, held), (end, -held)]
    for space, weights in list(peaks.items()):
        # At equal times the negative change sorts first: intervals are half open.
        levels = itertools.accumulate(
            (change for _, change in sorted(changes[space])), initial=weights
        )
        peaks[space] = max(levels)
    return peaks


def holdings(chosen: Chosen, times: Times) -> Iterator[tuple[str, int, int, int]]:
    """Give (space, bytes, from, until) of everything that lies in memory for a while."""
    spaces = {port.name: port.space for port in chosen.problem.ports}
    for task, option in chosen.option.items():
        yield option.space, option.workspace_bytes, *times[task,]
    until = {name: [times[tensor.source,][1]] for name, tensor in chosen.tensors.items()}
    sizes = {
        name: {size.port: size.bytes for size in tensor.sizes}
        for name, tensor in chosen.tensors.items()
    }
    for (name, port), readers in chosen.readers.items():
        last = max(times[reader,][1] for reader in readers)
        if (name, port) in chosen.needed:
            if (name, port) in times:
                start, end = times[name, port]
                until[name].append(end)
                yield spaces[port], sizes[name][port], start, max(end, last)
        else:
            until[name].append(last)
    for name, tensor in chosen.tensors.items():
        port = chosen.given[name]
        yield spaces[port], sizes[name][port], times[tensor.source,][0], max(until[name])
