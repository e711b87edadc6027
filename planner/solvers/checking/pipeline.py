"""The rules of a pipeline, where the choice alone decides stages, period and memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from bnnplan.planner.problem import Measure
from bnnplan.planner.report.units import exact
from bnnplan.planner.solution import Solution, Violation, ViolationCode
from bnnplan.planner.solvers.checking.choice import Chosen, Key
from bnnplan.planner.solvers.checking.schedule import Times


def period_of(chosen: Chosen) -> int:
    """Give the largest load of a resource, or the longest transfer or export without any (ns)."""
    loads: dict[str, int] = defaultdict(int)
    alone = [0]
    for key, activity in chosen.activities.items():
        for resource in activity.resources:
            loads[resource] += activity.duration
        if len(key) > 1 and not activity.resources:
            alone.append(activity.duration)
    return max(*alone, *loads.values(), 0)


def stages_of(chosen: Chosen) -> dict[Key, int] | None:
    """Give the least stage of everything; None where parts wait in a circle."""
    if chosen.parts_in_circle():
        return None
    stages = dict.fromkeys(chosen.activities, 0)
    # Each round but the last raises a stage, and no stage is above the number of activities.
    for _ in range(len(stages) + 1):
        before = dict(stages)
        for key, activity in chosen.activities.items():
            for other in activity.after:
                stages[key] = max(stages[key], stages[other] + _later(chosen, other, key))
        for part in chosen.parts.values():
            stages.update(dict.fromkeys(part, max(stages[key] for key in part)))
        if stages == before:
            return stages
    return None


def _later(chosen: Chosen, first: Key, second: Key) -> bool:
    """Tell whether `second` has to be in a later stage than `first`, for which it waits."""
    both = [(key, chosen.activities[key]) for key in (first, second)]
    if frozenset.intersection(*(activity.resources for _, activity in both)):
        return False
    # A host end, which has no resources, lies with the work that it feeds or that it takes from.
    return all(
        bool(activity.resources) if len(key) == 1 else activity.duration > 0
        for key, activity in both
    )


def pipeline_faults(
    chosen: Chosen, solution: Solution, times: Times, stages: Mapping[Key, int]
) -> Iterator[Violation]:
    """Give every rule of a pipeline that a solution breaks, capacities apart."""
    period = period_of(chosen)
    if solution.period != period:
        yield Violation(
            ViolationCode.PERIOD, f"states {_stated(solution.period)}, not {_stated(period)}"
        )
    tasks = [task.name for task in chosen.problem.tasks]
    wanted = tuple(stages[task,] for task in tasks)
    if solution.stages != wanted:
        yield Violation(
            ViolationCode.PERIOD, f"states the stages {solution.stages} of tasks, not {wanted}"
        )
    free: dict[tuple[str, int], int] = {}
    for task in chosen.order:
        place = chosen.device(task), stages[task,]
        start = free.get(place, place[1] * period)
        free[place] = start + chosen.activities[task,].duration
        if times[task,][0] != start:
            yield _elsewhere(chosen, (task,), times, start)
    for key in times:
        if len(key) > 1 and times[key][0] != stages[key] * period:
            yield _elsewhere(chosen, key, times, stages[key] * period)


def _stated(period: int | None) -> str:
    return "no period" if period is None else f"a period of {exact(Measure.PERIOD, period)}"


def _elsewhere(chosen: Chosen, key: Key, times: Times, wanted: int) -> Violation:
    words = chosen.activities[key].words
    return Violation(
        ViolationCode.PRECEDENCE,
        f"{words} starts at {times[key][0]} ns, but its stage lets it start at {wanted} ns",
    )


def pipeline_peaks(chosen: Chosen, stages: Mapping[Key, int]) -> dict[str, int]:
    """Give the most bytes that each space holds in the steady state, weights included."""
    peaks = {space.name: 0 for space in chosen.problem.spaces}
    for option in chosen.option.values():
        peaks[option.space] += option.weight_bytes
    place = {task: number for number, task in enumerate(chosen.order)}
    # What a device holds in a space from one of its tasks to another, by place in the order.
    inside: dict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for task, option in chosen.option.items():
        inside[option.device, option.space].append(
            (place[task], place[task], option.workspace_bytes)
        )
    for space, held, copies, span in _tensors(chosen, stages, place):
        if span is None:
            peaks[space] += held * copies
        else:
            device, first, last = span
            inside[device, space].append((first, last, held))
    for (_, space), spans in inside.items():
        changes: dict[int, int] = defaultdict(int)
        for first, last, held in spans:
            changes[first] += held
            changes[last + 1] -= held
        most = level = 0
        for number in sorted(changes):
            level += changes[number]
            most = max(most, level)
        peaks[space] += most
    return peaks


def _tensors(
    chosen: Chosen, stages: Mapping[Key, int], place: Mapping[str, int]
) -> Iterator[tuple[str, int, int, tuple[str, int, int] | None]]:
    """Give (space, bytes, copies, None), or a span of places on a device that holds it."""
    spaces = {port.name: port.space for port in chosen.problem.ports}
    for name, tensor in chosen.tensors.items():
        sizes = {size.port: size.bytes for size in tensor.sizes}
        given, maker = chosen.given[name], tensor.source
        users: list[Key] = [(reader,) for reader in chosen.readers.get((name, given), [])]
        inside = all(
            stages[user] == stages[maker,] and chosen.device(user[0]) == chosen.device(maker)
            for user in users
        )
        for port in sizes:
            if (name, port) in chosen.needed:
                users.append((name, port))
                inside = False
                last = max(stages[reader,] for reader in chosen.readers[name, port])
                yield spaces[port], sizes[port], last - stages[name, port] + 1, None
        if name in chosen.exports:
            users.append((name, given, "export"))
        last = max((stages[user] for user in users), default=stages[maker,])
        copies = last - stages[maker,] + 1
        end = max((place[user[0]] for user in users if len(user) == 1), default=place[maker])
        span = (chosen.device(maker), place[maker], end) if inside else None
        yield spaces[given], sizes[given], copies, span
