"""The independent checker: does a solution obey the definition of the problem?

It shares no code with the methods that make solutions: everything is read from the problem again,
so that a fault in one of them cannot hide itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

from bnnplan.planner.problem import Option, Problem, Transfer
from bnnplan.planner.solution import ScheduledTransfer, Solution, Violation, ViolationCode


def check(problem: Problem, solution: Solution) -> list[Violation]:
    """List every rule of `problem` that `solution` breaks; empty if it is right."""
    return _Check(problem, solution).violations


def memory_peaks(problem: Problem, solution: Solution) -> dict[str, int]:
    """The most bytes that a right solution holds at once in each space, weights included."""
    return _Check(problem, solution).peaks


class _Check:
    def __init__(self, problem: Problem, solution: Solution) -> None:
        self.problem = problem
        self.solution = solution
        self.violations: list[Violation] = []
        count = len(problem.tasks)
        if not len(solution.choice) == len(solution.starts) == len(solution.ends) == count:
            self._add(ViolationCode.UNKNOWN_OPTION, f"the problem has {count} tasks")
            return
        if not self._options_known():
            return
        self.option: dict[str, Option] = {
            task.name: task.options[index]
            for task, index in zip(problem.tasks, solution.choice, strict=True)
        }
        names = [task.name for task in problem.tasks]
        self.start = dict(zip(names, solution.starts, strict=True))
        self.end = dict(zip(names, solution.ends, strict=True))
        self.tensors = {tensor.name: tensor for tensor in problem.tensors}
        self.done: dict[tuple[str, str], ScheduledTransfer] = {}
        self.moves: dict[tuple[str, str], Transfer] = {}
        self._check_durations()
        self._check_transfers()
        self._check_precedence()
        self._check_resources()
        self._check_memory()
        self._check_objective()

    def _add(self, code: ViolationCode, message: str) -> None:
        self.violations.append(Violation(code, message))

    def _options_known(self) -> bool:
        for task, index in zip(self.problem.tasks, self.solution.choice, strict=True):
            if type(index) is not int or not 0 <= index < len(task.options):
                self._add(
                    ViolationCode.UNKNOWN_OPTION,
                    f"task {task.name!r} has {len(task.options)} options, no number {index!r}",
                )
        return not self.violations

    def _produced_at(self, tensor: str) -> str:
        """Name the port where the chosen option gives the tensor."""
        what = self.tensors[tensor]
        return self.option[what.source].output_ports[what.output]

    def _check_durations(self) -> None:
        """A task takes the duration of its option and the largest entry of its inputs."""
        entries = {(entry.source, entry.target): entry.duration for entry in self.problem.entries}
        entered: dict[str, int] = defaultdict(int)
        for edge in self.problem.edges:
            source = self.option[self.tensors[edge.tensor].source].device
            cost = entries.get((source, self.option[edge.target].device), 0)
            entered[edge.target] = max(entered[edge.target], cost)
        for name, option in self.option.items():
            needed = option.duration + entered[name]
            if self.start[name] < 0 or self.end[name] - self.start[name] != needed:
                self._add(
                    ViolationCode.DURATION,
                    f"task {name!r} takes {needed} ns, not from {self.start[name]} to "
                    f"{self.end[name]} ns",
                )

    def _check_transfers(self) -> None:
        """What is read elsewhere is transferred once, possible, and takes its time."""
        for move in self.solution.transfers:
            key = (move.tensor, move.target)
            what = f"transfer of {move.tensor!r} from {move.source!r} to {move.target!r}"
            if move.tensor not in self.tensors or key in self.done:
                self._add(ViolationCode.TRANSFER_SURPLUS, f"{what} is unknown or made twice")
                continue
            self.done[key] = move
            possible = {(t.source, t.target): t for t in self.tensors[move.tensor].transfers}
            known = possible.get((move.source, move.target))
            if known is None or move.source != self._produced_at(move.tensor):
                self._add(ViolationCode.TRANSFER_IMPOSSIBLE, f"{what} is not possible")
                continue
            self.moves[key] = known
            if move.end - move.start != known.duration:
                self._add(
                    ViolationCode.DURATION,
                    f"{what} takes {known.duration} ns, not from {move.start} to {move.end} ns",
                )
            if move.start < self.end[self.tensors[move.tensor].source]:
                self._add(ViolationCode.PRECEDENCE, f"{what} starts before the tensor is there")

    def _check_precedence(self) -> None:
        """A task starts when its inputs are there, at its ports."""
        needed = set()
        for edge in self.problem.edges:
            port = self.option[edge.target].input_ports[edge.input]
            ready = self.end[self.tensors[edge.tensor].source]
            if port != self._produced_at(edge.tensor):
                needed.add((edge.tensor, port))
                move = self.done.get((edge.tensor, port))
                if move is None:
                    self._add(
                        ViolationCode.TRANSFER_MISSING,
                        f"task {edge.target!r} reads {edge.tensor!r} at {port!r}: not transferred",
                    )
                    continue
                ready = move.end
            if self.start[edge.target] < ready:
                self._add(
                    ViolationCode.PRECEDENCE,
                    f"task {edge.target!r} starts at {self.start[edge.target]} ns, but "
                    f"{edge.tensor!r} is there at {ready} ns",
                )
        for tensor, port in sorted(self.done.keys() - needed):
            self._add(ViolationCode.TRANSFER_SURPLUS, f"nobody reads {tensor!r} at {port!r}")

    def _check_resources(self) -> None:
        """Two things that occupy a resource never overlap."""
        resources = {device.name: device.resources for device in self.problem.devices}
        busy: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for name, option in self.option.items():
            for resource in resources[option.device]:
                busy[resource].append((self.start[name], self.end[name], f"task {name!r}"))
        for key, move in self.moves.items():
            done = self.done[key]
            for resource in move.resources:
                busy[resource].append((done.start, done.end, f"transfer of {key[0]!r}"))
        for resource, uses in busy.items():
            # What takes no time cannot overlap anything.
            uses = sorted(use for use in uses if use[1] > use[0])
            for (_, end, first), (start, _, second) in itertools.pairwise(uses):
                if start < end:
                    self._add(
                        ViolationCode.RESOURCE_OVERLAP,
                        f"{first} and {second} overlap on {resource!r} at {start} ns",
                    )

    def _held(self) -> Iterable[tuple[str, int, int, int]]:
        """Give (space, bytes, from, until) of everything that lies in memory for a while."""
        spaces = {port.name: port.space for port in self.problem.ports}
        readers = defaultdict(list)
        for edge in self.problem.edges:
            port = self.option[edge.target].input_ports[edge.input]
            readers[edge.tensor, port].append(self.end[edge.target])
        for name, option in self.option.items():
            yield option.space, option.workspace_bytes, self.start[name], self.end[name]
        for name, tensor in self.tensors.items():
            sizes = {size.port: size.bytes for size in tensor.sizes}
            port = self._produced_at(name)
            until = [self.end[tensor.source], *readers[name, port]]
            for move in self.solution.transfers:
                if move.tensor == name and move.target in sizes:
                    until.append(move.end)
                    last = max([move.end, *readers[name, move.target]])
                    yield spaces[move.target], sizes[move.target], move.start, last
            yield spaces[port], sizes[port], self.start[tensor.source], max(until)

    def _check_memory(self) -> None:
        """The bytes held in a space at any time never exceed its capacity."""
        self.peaks = {space.name: 0 for space in self.problem.spaces}
        for option in self.option.values():
            self.peaks[option.space] += option.weight_bytes
        changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for space, held, start, end in self._held():
            if end > start:
                changes[space] += [(start, held), (end, -held)]
        for limit in self.problem.spaces:
            # At equal times the negative change sorts first: intervals are half open.
            peak = total = self.peaks[limit.name]
            for _, change in sorted(changes[limit.name]):
                total += change
                peak = max(peak, total)
            self.peaks[limit.name] = peak
            if limit.capacity is not None and peak > limit.capacity:
                self._add(
                    ViolationCode.MEMORY,
                    f"space {limit.name!r} needs {peak} bytes and has {limit.capacity}: "
                    f"{peak - limit.capacity} too few",
                )

    def _check_objective(self) -> None:
        latency = max(self.solution.ends)
        if self.solution.objective != latency:
            self._add(
                ViolationCode.OBJECTIVE,
                f"states {self.solution.objective} ns, but the last task ends at {latency} ns",
            )
