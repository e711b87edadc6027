"""Simulated annealing over choice and order, for devices that work at the same time.

A solution is a choice and an order of all tasks; what it takes is the list schedule in that order.
A step takes a task, most often one that the end waits for, to another place in the order, and now
and then to another option. Options are drawn by prices of resources: with the prices at which the
loads balance, the cheapest options of all tasks are about those of a balanced assignment, so that
few steps are wasted on others.

Source of the prices: Lagrangian relaxation of the largest load, as in Fisher, "The Lagrangian
relaxation method for solving integer programming problems", Management Science 27(1), 1981.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.heuristics.order_schedule import Orders, tables_of
from bnnplan.planner.solvers.structure import Graph

ROUNDS = 300
"""Steps towards the prices."""
SPREAD = 0.06
"""How much dearer, as a share, an option may be and still be drawn often."""
WARM, COLD = 0.02, 0.0004
"""First and last temperature, as a share of the latency."""
BATCH = 256
"""Steps between two looks at the clock."""
CRITICAL = 0.8
"""How often the task that is moved is one that the end waits for."""
FAR = 20
"""Places in the order that a task moves at most."""


def suits(graph: Graph) -> bool:
    """Tell whether only the order and the options matter: nothing ties tasks to each other."""
    problem = graph.problem
    tied = graph.contiguous or graph.colocated or problem.switches is not None
    return problem.objectives[0] is Measure.LATENCY and not tied


def _prices(graph: Graph, kept: Kept) -> dict[str, float]:
    """Give prices of resources, in all 1, at which the cheapest options load them equally."""
    names = sorted(set().union(*graph.resources.values()))
    prices = {one: 1 / len(names) for one in names}
    for number in range(ROUNDS):
        loads = dict.fromkeys(names, 0)
        for task, indices in enumerate(kept):
            options = [graph.tasks[task].options[index] for index in indices]
            best = min(
                options, key=lambda option: _price(graph, prices, option.device) * option.duration
            )
            for one in graph.resources[best.device]:
                loads[one] += best.duration
        if not any(loads.values()):
            break
        mean = sum(loads.values()) / len(names)
        for one in names:
            prices[one] *= math.exp(0.5 / (1 + number / 10) * min(loads[one] / mean - 1, 4))
        total = sum(prices.values())
        prices = {one: price / total for one, price in prices.items()}
    return prices


def _price(graph: Graph, prices: dict[str, float], device: str) -> float:
    return sum(prices[one] for one in graph.resources[device])


def _weights(graph: Graph, kept: Kept) -> list[list[float]]:
    """Give how often each option that is left is to be drawn."""
    prices = _prices(graph, kept)
    weights = []
    for task, indices in enumerate(kept):
        options = [graph.tasks[task].options[index] for index in indices]
        costs = [_price(graph, prices, option.device) * option.duration for option in options]
        least = min(costs)
        scale = SPREAD * least or 1.0
        weights.append([math.exp(-(cost - least) / scale) for cost in costs])
    return weights


def anneal(
    graph: Graph,
    kept: Kept,
    start: Solution,
    *,
    progress: Callable[[], float],
    seed: int,
) -> tuple[tuple[int, ...], list[int]]:
    """Give the best choice and order found from `start`; of all limits, only weights are kept.

    Parameters
    ----------
    graph, kept
        A problem that `suits`, and the options that are left of it.
    start : Solution
    progress : callable
        Tells which share of the time is used up; the search ends at 1.
    seed : int
    """
    tables = tables_of(graph)
    weights = _weights(graph, kept)
    rng = random.Random(seed)
    count = len(graph.tasks)
    before = [sorted({link.source for link in graph.inputs[task]}) for task in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for task, sources in enumerate(before):
        for source in sources:
            after[source].append(task)
    movable = [task for task in range(count) if len(kept[task]) > 1 or before[task] or after[task]]
    place = {task: number for number, task in enumerate(graph.order)}
    order = sorted(graph.order, key=lambda task: (start.starts[task], place[task]))
    choice = list(start.choice)
    room = _Room(graph, choice)
    orders = Orders(tables, order, choice)
    value = best = max(orders.ends)
    found = tuple(choice), order
    chain = _chain(orders.ends, orders.waits)
    while movable and (share := progress()) < 1:
        temperature = max(1, best) * WARM * (COLD / WARM) ** share
        for _ in range(BATCH):
            task = rng.choice(chain if rng.random() < CRITICAL else movable)
            at = order.index(task)
            others = order[:at] + order[at + 1 :]
            first = max([others.index(one) for one in before[task]], default=-1) + 1
            last = min([others.index(one) for one in after[task]], default=count - 1)
            to = rng.randint(max(first, at - FAR), min(last, at + FAR))
            old = choice[task]
            if len(kept[task]) > 1 and rng.random() < 0.5:
                choice[task] = rng.choices(kept[task], weights[task])[0]
            if (to == at and choice[task] == old) or not room.fits(task, old, choice[task]):
                choice[task] = old
                continue
            others.insert(to, task)
            changed = orders.latency(others, choice, min(at, to))
            if changed is None or (
                changed > value and rng.random() >= math.exp((value - changed) / temperature)
            ):
                choice[task] = old
                continue
            orders.keep()
            room.change(task, old, choice[task])
            order, value = others, changed
            chain = _chain(orders.ends, orders.waits)
            if value < best:
                best, found = value, (tuple(choice), order)
    return found


class _Room:
    """The bytes of weights that spaces with a limit still have room for."""

    def __init__(self, graph: Graph, choice: Sequence[int]) -> None:
        self.graph = graph
        self.left = dict(graph.capacity)
        for task, index in enumerate(choice):
            option = graph.tasks[task].options[index]
            if option.space in self.left:
                self.left[option.space] -= option.weight_bytes

    def fits(self, task: int, old: int, new: int) -> bool:
        """Tell whether a task can take another option."""
        if old == new or not self.left:
            return True
        before, after = self.graph.tasks[task].options[old], self.graph.tasks[task].options[new]
        freed = before.weight_bytes if before.space == after.space else 0
        return self.left.get(after.space, after.weight_bytes) + freed >= after.weight_bytes

    def change(self, task: int, old: int, new: int) -> None:
        """Take over another option of a task."""
        if old == new or not self.left:
            return
        before, after = self.graph.tasks[task].options[old], self.graph.tasks[task].options[new]
        if before.space in self.left:
            self.left[before.space] += before.weight_bytes
        if after.space in self.left:
            self.left[after.space] -= after.weight_bytes


def _chain(ends: Sequence[int], waits: Sequence[int]) -> list[int]:
    """Give the tasks that the end waits for."""
    task = max(range(len(ends)), key=ends.__getitem__)
    chain = []
    while task >= 0:
        chain.append(task)
        task = waits[task]
    return chain
