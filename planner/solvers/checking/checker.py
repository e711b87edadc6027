"""The independent checker: does a solution obey the definition of the problem?

It shares no code with the methods that make solutions: everything is read from the problem again,
so that a fault in one of them cannot hide itself. What a choice makes necessary is read in
`checking_choice`; `checking_schedule` has the rules of one inference, `checking_pipeline` those of
a pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.report.units import exact
from bnnplan.planner.solution import Solution, Violation, ViolationCode
from bnnplan.planner.solvers.checking.choice import Chosen, Key
from bnnplan.planner.solvers.checking.pipeline import (
    period_of,
    pipeline_faults,
    pipeline_peaks,
    stages_of,
)
from bnnplan.planner.solvers.checking.schedule import Times, schedule_faults, schedule_peaks


def check(problem: Problem, solution: Solution) -> list[Violation]:
    """List every rule of `problem` that `solution` breaks; empty if it is right."""
    faults = list(_unknown_options(problem, solution))
    if faults:
        return faults
    chosen = Chosen(problem, solution.choice)
    times: dict[Key, tuple[int, int]] = {}
    faults += _tasks(chosen, solution, times)
    faults += _transfers(chosen, solution, times)
    faults += _exports(chosen, solution, times)
    faults += _durations(chosen, times)
    faults += _wishes(chosen)
    if problem.is_pipeline:
        stages = stages_of(chosen)
        if stages is None:
            words = "contiguous parts wait for each other in a circle, or for a stage of their own"
            return [*faults, Violation(ViolationCode.CONTIGUITY, words)]
        faults += pipeline_faults(chosen, solution, times, stages)
    else:
        if solution.period is not None or solution.stages:
            words = "states a period or stages, but one inference has none"
            faults.append(Violation(ViolationCode.PERIOD, words))
        faults += schedule_faults(chosen, times)
    return [*faults, *_values(chosen, solution, _measured(chosen, times))]


def measures(problem: Problem, solution: Solution) -> dict[Measure, int]:
    """Measure a right solution, as the problem defines it; a period only of a pipeline."""
    return _measure(problem, solution).values


def memory_peaks(problem: Problem, solution: Solution) -> dict[str, int]:
    """The most bytes that a right solution holds at once in each space, weights included."""
    return _measure(problem, solution).peaks


@frozen
class _Measured:
    values: dict[Measure, int]
    peaks: dict[str, int]


def _measure(problem: Problem, solution: Solution) -> _Measured:
    chosen = Chosen(problem, solution.choice)
    times: dict[Key, tuple[int, int]] = {}
    for faults in (_tasks, _transfers, _exports):
        list(faults(chosen, solution, times))
    return _measured(chosen, times)


def _measured(chosen: Chosen, times: Times) -> _Measured:
    values = {Measure.ENERGY: chosen.energy()}
    stages = stages_of(chosen) if chosen.problem.is_pipeline else None
    if stages is None:
        peaks = schedule_peaks(chosen, times)
        values[Measure.LATENCY] = max(times[task,][1] for task in chosen.order)
    else:
        peaks = pipeline_peaks(chosen, stages)
        values[Measure.PERIOD] = period_of(chosen)
        values[Measure.LATENCY] = values[Measure.PERIOD] * (1 + max(stages.values()))
    values[Measure.MEMORY] = sum(peaks.values())
    return _Measured(values, peaks)


def _unknown_options(problem: Problem, solution: Solution) -> Iterator[Violation]:
    count = len(problem.tasks)
    if not len(solution.choice) == len(solution.starts) == len(solution.ends) == count:
        yield Violation(ViolationCode.UNKNOWN_OPTION, f"the problem has {count} tasks")
        return
    for task, index in zip(problem.tasks, solution.choice, strict=True):
        if type(index) is not int or not 0 <= index < len(task.options):
            yield Violation(
                ViolationCode.UNKNOWN_OPTION,
                f"task {task.name!r} has {len(task.options)} options, no number {index!r}",
            )


def _tasks(
    chosen: Chosen, solution: Solution, times: dict[Key, tuple[int, int]]
) -> Iterator[Violation]:
    """Tasks start at 0 at the earliest; take over their times."""
    for task, start, end in zip(chosen.problem.tasks, solution.starts, solution.ends, strict=True):
        times[task.name,] = start, end
        if start < 0:
            words = f"task {task.name!r} starts at {start} ns, before the plan"
            yield Violation(ViolationCode.DURATION, words)


def _transfers(
    chosen: Chosen, solution: Solution, times: dict[Key, tuple[int, int]]
) -> Iterator[Violation]:
    """What is read elsewhere is transferred once, if that is possible; take over the times."""
    for move in solution.transfers:
        key = move.tensor, move.target
        what = f"transfer of {move.tensor!r} from {move.source!r} to {move.target!r}"
        if key not in chosen.needed or key in times:
            words = f"{what} is made twice, or nobody reads it"
            yield Violation(ViolationCode.TRANSFER_SURPLUS, words)
            continue
        times[key] = move.start, move.end
        if chosen.needed[key] is None or move.source != chosen.given[move.tensor]:
            yield Violation(ViolationCode.TRANSFER_IMPOSSIBLE, f"{what} is not possible")
    for name, port in chosen.needed.keys() - times.keys():
        reader = chosen.readers[name, port][0]
        words = f"task {reader!r} reads {name!r} at {port!r}: not transferred"
        yield Violation(ViolationCode.TRANSFER_MISSING, words)


def _exports(
    chosen: Chosen, solution: Solution, times: dict[Key, tuple[int, int]]
) -> Iterator[Violation]:
    """What is transferred is exported first, once, where that is needed; take over the times."""
    needed = {(name, export.port, "export") for name, export in chosen.exports.items()}
    for export in solution.exports:
        key = export.tensor, export.port, "export"
        if key not in needed or key in times:
            words = f"export of {export.tensor!r} from {export.port!r} is needless or made twice"
            yield Violation(ViolationCode.EXPORT, words)
            continue
        times[key] = export.start, export.end
    for name, port, _ in needed - times.keys():
        words = f"tensor {name!r} is transferred from {port!r}: not exported"
        yield Violation(ViolationCode.EXPORT, words)


def _durations(chosen: Chosen, times: Times) -> Iterator[Violation]:
    """Everything takes its time, a task also the largest entry of its inputs."""
    for key, (start, end) in times.items():
        activity = chosen.activities[key]
        # A transfer that is impossible has no duration to compare with.
        known = len(key) != 2 or chosen.needed[key[0], key[1]] is not None
        if known and end - start != activity.duration:
            yield Violation(
                ViolationCode.DURATION,
                f"{activity.words} takes {activity.duration} ns, not from {start} to {end} ns",
            )


def _wishes(chosen: Chosen) -> Iterator[Violation]:
    """Groups lie on one device, and no more edges change device than may."""
    problem = chosen.problem
    for group in problem.colocated:
        devices = sorted({chosen.device(task) for task in group})
        if len(devices) > 1:
            words = f"tasks {', '.join(group)} lie on {', '.join(devices)}, not on one device"
            yield Violation(ViolationCode.COLOCATION, words)
    pairs = [(chosen.device(chosen.source(e)), chosen.device(e.target)) for e in problem.edges]
    count = sum(a != b and bool(chosen.resources[a] and chosen.resources[b]) for a, b in pairs)
    if problem.switches is not None and count > problem.switches:
        words = f"the plan has {count} switches of device, {problem.switches} are allowed"
        yield Violation(ViolationCode.SWITCHES, words)


def _values(chosen: Chosen, solution: Solution, measured: _Measured) -> Iterator[Violation]:
    """Spaces and measures keep their limits, and the objective is what was stated."""
    problem = chosen.problem
    for space in problem.spaces:
        peak = measured.peaks[space.name]
        if space.capacity is not None and peak > space.capacity:
            yield Violation(
                ViolationCode.MEMORY,
                f"space {space.name!r} needs {exact(Measure.MEMORY, peak)} and has "
                f"{exact(Measure.MEMORY, space.capacity)}: "
                f"{exact(Measure.MEMORY, peak - space.capacity)} too little",
            )
    for limit in problem.limits:
        value = measured.values[limit.measure]
        if value > limit.most:
            words = (
                f"{limit.measure} is {exact(limit.measure, value)}, above the limit of "
                f"{exact(limit.measure, limit.most)}"
            )
            yield Violation(ViolationCode.LIMIT, words)
    measure = problem.objectives[0]
    value = measured.values[measure]
    if solution.objective != value:
        stated = exact(measure, solution.objective)
        words = f"states {measure} {stated}, but it is {exact(measure, value)}"
        yield Violation(ViolationCode.OBJECTIVE, words)
