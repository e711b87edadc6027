"""Plans in parts: cuts of a topological order by dynamic programming, then local search.

Along one order of the units (tasks that have to lie on one device), every part is a run of units.
Which runs on which devices take least time, one after the other, is a shortest way; parts that run
at the same time are only seen when the choice is scheduled. So several orders are tried, and the
best choices are improved by moving units from part to part. Contiguous devices need parts; where
memory limits how much a device takes, parts are a good start for other devices too.

Source of the idea of cutting one order: Narayanan et al., "PipeDream", SOSP 2019, and Tarnawski et
al., "Efficient algorithms for device placement of DNN graph operators", NeurIPS 2020.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Sequence

from attrs import frozen

from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.interchangeable import families
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.pipelines.units import Units, units
from bnnplan.planner.solvers.structure import Graph

# Orders that are cut, choices that are improved, and schedules tried for each of those.
ORDERS = 16
IMPROVED = 3
TRIES = 1_500

# Sets of used devices that are told apart; beyond it, contiguous devices are used in their order.
MOST_STATES = 512

Fitting = Callable[[Sequence[int]], Solution | None]
"""Gives the solution of a choice if it keeps all limits."""


def cut_orders(graph: Graph, kept: Kept, fitting: Fitting, *, deadline: float) -> list[Solution]:
    """Give good solutions in parts, one a device, the best first; none may fit.

    Devices that are not contiguous take any number of runs, but if none is, all that have
    resources take one.
    """
    whole = units(graph, range(len(graph.tasks)))
    costs = _Costs(graph, kept, whole)
    single = graph.contiguous or frozenset(d for d, busy in graph.resources.items() if busy)
    kinds = _kinds(graph, single)
    found: dict[Solution, None] = {}
    for order in itertools.islice(_orders(whole), ORDERS):
        if over(deadline):
            break
        devices = _cut(costs, kinds, order)
        if devices is None:
            continue
        solution = fitting(costs.choice(devices))
        if solution is not None:
            found[solution] = None
    best = sorted(found, key=lambda one: one.objective)[:IMPROVED]
    improved = [_improved(graph, costs, one, fitting, deadline) for one in best]
    return sorted(improved, key=lambda one: one.objective)


def _kinds(graph: Graph, single: Collection[str]) -> list[tuple[str, ...]]:
    """Group the devices that take one part into equal ones."""
    equal = [family.devices for family in families(graph)]
    alone = [(d,) for d in graph.resources if not any(d in group for group in equal)]
    return [group for group in [*equal, *alone] if group[0] in single]


def _orders(whole: Units) -> Iterator[list[int]]:
    """Give topological orders: by depth and by breadth first, then random ones."""
    after: list[list[int]] = [[] for _ in whole.tasks]
    for unit, before in enumerate(whole.before):
        for one in sorted(before):
            after[one].append(unit)
    rng = random.Random(0)
    for number in itertools.count():
        missing = [len(before) for before in whole.before]
        ready = [unit for unit, count in enumerate(missing) if not count]
        order: list[int] = []
        while ready:
            if number == 1:
                unit = ready.pop(0)
            else:
                # The end of the list continues what was begun; a few random steps aside.
                place = rng.randrange(len(ready)) if number > 1 and rng.random() < 0.2 else -1
                unit = ready.pop(place)
            order.append(unit)
            freed = []
            for one in after[unit]:
                missing[one] -= 1
                if not missing[one]:
                    freed.append(one)
            if number > 1:
                rng.shuffle(freed)
            ready += freed
        yield order


@frozen
class _Step:
    """How a prefix of an order was reached: where its last run began, and on which device kind."""

    time: int
    begin: int
    before: tuple[int, ...]
    device: str


class _Costs:
    """What units take on devices, and what crosses between them.

    Attributes
    ----------
    option : list of dict of str to tuple of int
        For each unit, the fastest option of each of its tasks, by device that can run them all.
    """

    def __init__(self, graph: Graph, kept: Kept, whole: Units) -> None:
        self.graph = graph
        self.whole = whole
        self.unit = {task: unit for unit, tasks in enumerate(whole.tasks) for task in tasks}
        self.option: list[dict[str, tuple[int, ...]]] = []
        for tasks in whole.tasks:
            by_device = [_fastest(graph, kept, task) for task in tasks]
            shared = [d for d in by_device[0] if all(d in one for one in by_device)]
            self.option.append({d: tuple(one[d] for one in by_device) for d in shared})
        self.loading = [self._loading(tensor) for tensor in range(len(graph.tensors))]

    def choice(self, devices: Sequence[str]) -> list[int]:
        """Give the choice of the fastest options on a device for each unit."""
        choice = [0] * len(self.graph.tasks)
        for unit, device in enumerate(devices):
            for task, index in zip(self.whole.tasks[unit], self.option[unit][device], strict=True):
                choice[task] = index
        return choice

    def _loading(self, tensor: int) -> dict[str, int]:
        """Give the least ns to get a tensor to each port from where another device makes it."""
        least: dict[str, int] = {}
        for move in self.graph.tensors[tensor].transfers:
            least[move.target] = min(move.duration, least.get(move.target, move.duration))
        return least

    def duration(self, unit: int, device: str) -> int:
        """Add up the ns of the tasks of a unit."""
        tasks = self.graph.tasks
        pairs = zip(self.whole.tasks[unit], self.option[unit][device], strict=True)
        return sum(tasks[task].options[index].duration for task, index in pairs)

    def runs(self, order: Sequence[int], begin: int, device: str) -> Iterator[int]:
        """Give what each run from `begin` takes on a device, shortest run first, while it can."""
        graph = self.graph
        inside: set[int] = set()
        loaded: set[tuple[int, str]] = set()
        stored: dict[int, int] = {}
        unread: dict[int, int] = {}
        held: dict[str, int] = {}
        ends: dict[int, int] = {}
        busy = loads = 0
        for unit in order[begin:]:
            if device not in self.option[unit]:
                return
            inside.add(unit)
            ready = 0
            for task, index in zip(self.whole.tasks[unit], self.option[unit][device], strict=True):
                option = graph.tasks[task].options[index]
                held[option.space] = held.get(option.space, 0) + option.weight_bytes
                for link in graph.inputs[task]:
                    maker = self.unit[link.source]
                    if maker in inside:
                        ready = max(ready, ends.get(maker, 0))
                        unread[link.tensor] = unread.get(link.tensor, 0) - 1
                        if not unread[link.tensor]:
                            stored.pop(link.tensor, None)
                        continue
                    port = option.input_ports[link.input]
                    if (link.tensor, port) not in loaded:
                        loaded.add((link.tensor, port))
                        loads += self.loading[link.tensor].get(port, 0)
                for tensor in graph.outputs[task]:
                    port = option.output_ports[graph.tensors[tensor].output]
                    unread[tensor] = unread.get(tensor, 0) + len(graph.readers[tensor])
                    if unread[tensor] and port in graph.exports[tensor]:
                        stored[tensor] = graph.exports[tensor][port].duration
            if any(held[space] > graph.capacity.get(space, held[space]) for space in held):
                return
            ends[unit] = ready + self.duration(unit, device)
            busy += self.duration(unit, device)
            # A device without resources runs at once what does not wait for each other.
            whole = busy if graph.resources[device] else max(ends.values())
            yield loads + whole + sum(stored.values())


def _fastest(graph: Graph, kept: Kept, task: int) -> dict[str, int]:
    options = graph.tasks[task].options
    fastest: dict[str, int] = {}
    for index in sorted(kept[task], key=lambda index: options[index].duration):
        fastest.setdefault(options[index].device, index)
    return fastest


def _cut(costs: _Costs, kinds: Sequence[tuple[str, ...]], order: Sequence[int]) -> list[str] | None:
    """Give the device of each unit in the best sequence of runs; None if there is none."""
    taken_once = {device for group in kinds for device in group}
    free = [device for device in costs.graph.resources if device not in taken_once]
    start = tuple(0 for _ in kinds)
    best: list[dict[tuple[int, ...], _Step]] = [{} for _ in range(len(order) + 1)]
    best[0][start] = _Step(0, 0, start, "")
    for begin in range(len(order)):
        known = sorted(best[begin].items(), key=lambda item: item[1].time)[:MOST_STATES]
        for kind, devices in enumerate([*kinds, *((device,) for device in free)]):
            contiguous = kind < len(kinds)
            usable = [
                (used, step) for used, step in known if not contiguous or used[kind] < len(devices)
            ]
            if not usable:
                continue
            for end, taken in enumerate(costs.runs(order, begin, devices[0]), start=begin + 1):
                for used, step in usable:
                    after, device = used, devices[0]
                    if contiguous:
                        device = devices[used[kind]]
                        after = (*used[:kind], used[kind] + 1, *used[kind + 1 :])
                    total = step.time + taken
                    if after not in best[end] or total < best[end][after].time:
                        best[end][after] = _Step(total, begin, used, device)
    if not best[-1]:
        return None
    state = min(best[-1], key=lambda used: best[-1][used].time)
    devices_of = [""] * len(order)
    end = len(order)
    while end:
        step = best[end][state]
        for unit in order[step.begin : end]:
            devices_of[unit] = step.device
        end, state = step.begin, step.before
    return devices_of


def _improved(
    graph: Graph, costs: _Costs, solution: Solution, fitting: Fitting, deadline: float
) -> Solution:
    """Move one unit at a time to the device of a neighbour in the graph, or to a free device."""
    free = [device for device in graph.resources if device not in graph.contiguous]
    near: list[set[int]] = [set(before) for before in costs.whole.before]
    for unit, before in enumerate(costs.whole.before):
        for one in before:
            near[one].add(unit)
    tries = TRIES
    quiet = 0
    best = solution
    while quiet < len(near):
        for unit in range(len(near)):
            quiet += 1
            devices = [
                graph.tasks[tasks[0]].options[best.choice[tasks[0]]].device
                for tasks in costs.whole.tasks
            ]
            wanted = dict.fromkeys([*(devices[one] for one in sorted(near[unit])), *free])
            for device in wanted:
                if device == devices[unit] or device not in costs.option[unit]:
                    continue
                tries -= 1
                if tries < 0 or over(deadline):
                    return best
                choice = list(best.choice)
                pairs = zip(costs.whole.tasks[unit], costs.option[unit][device], strict=True)
                for task, index in pairs:
                    choice[task] = index
                found = fitting(choice)
                if found is not None and found.objective < best.objective:
                    best, quiet = found, 0
                    break
    return best
