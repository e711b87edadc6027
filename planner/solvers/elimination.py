"""Exact for sums over narrow graphs: dynamic programming over any order of the tasks.

Where only one thing can be busy at a time, latency is a sum of terms that depend on few tasks
each. A task is eliminated by adding up the terms it occurs in and keeping, for every combination of
its neighbours, its best option. Networks with residual connections stay narrow: blocks go away one
after the other. The memory limits are treated as in the method for chains.

Source: Dechter, "Bucket elimination: A unifying framework for reasoning", Artificial Intelligence
113, 1999.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from bnnplan.planner.problem import Option, Problem
from bnnplan.planner.problem_rules import most_bytes
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.evaluation import schedule
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.list_scheduling import fitting
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph, one_at_a_time
from bnnplan.planner.solvers.tables import IMPOSSIBLE, Times, add, spread

METHOD = "elimination"
SUPPORTS: frozenset[Feature] = frozenset()

WIDEST = 4_000_000
"""Entries of the largest table that is built; 8 bytes each."""


PRICES = 16
"""How many prices of memory are tried."""


class TooWideError(SolverError):
    """A graph whose tasks cannot be eliminated with tables of bearable size."""


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Solve a narrow problem; parameters and result as for every `Solver` (none is needed here).

    Raises
    ------
    SolverError
        If things may run concurrently, so that latency is no sum, or the graph is too wide.
    """
    started = time.perf_counter()
    graph = Graph(problem)
    if not one_at_a_time(graph):
        raise SolverError(
            f"method {METHOD!r} needs that only one thing can be busy at a time, and in "
            f"{problem.name!r} devices can run concurrently; use the method 'cpsat'"
        )
    choice = least_sum(graph, undominated(graph))
    if choice is None:
        return SolverResult(
            status=Status.INFEASIBLE,
            solution=None,
            objective=None,
            bound=None,
            runtime_s=time.perf_counter() - started,
            method=METHOD,
            message="no combination of options can pass the tensors on",
        )
    solution = fitting(graph, choice)
    fastest = solution or schedule(graph, choice)
    assert fastest is not None
    result = SolverResult(
        status=Status.OPTIMAL if solution else Status.UNKNOWN,
        solution=solution,
        objective=solution.objective if solution else None,
        bound=fastest.objective,
        runtime_s=time.perf_counter() - started,
        method=METHOD,
        message="" if solution else "the memory limits bind: use the method 'cpsat'",
    )
    return verified(problem, result)


@frozen
class _Term:
    """Costs of the combinations of some tasks' options, one axis a task, in ascending order."""

    tasks: tuple[int, ...]
    costs: Times


def cheapest_fitting(graph: Graph, kept: Kept, *, deadline: float) -> Solution | None:
    """Give a good plan that keeps the memory limits: bytes get a price until they fit.

    The price is raised fourfold until the plan with the least sum fits, then bisected. None if no
    price makes it fit before `deadline` (of ``time.perf_counter``).

    Raises
    ------
    TooWideError
        As for `least_sum`.
    """
    best: Solution | None = None
    # No sum of prices may come near what stands for impossible.
    highest = IMPOSSIBLE // 4 // max(1, most_bytes(graph.problem)) * 1024
    low, high, price = 0, highest, 1
    for _ in range(PRICES):
        choice = least_sum(graph, kept, price=price)
        found = choice and fitting(graph, choice)
        if found:
            high = price
            if best is None or found.objective < best.objective:
                best = found
        else:
            low = price
        price = (low + high) // 2 if best else 4 * price
        if price in (low, high) or price > highest or time.perf_counter() > deadline:
            break
    return best


def least_sum(graph: Graph, kept: Kept, price: int = 0) -> list[int] | None:
    """Give the choice with the least sum of everything; None if there is none.

    The memory limits play no part, but each KiB of weights and workspace in a space that is
    limited costs `price` ns.

    Raises
    ------
    TooWideError
        If that needs larger tables than `WIDEST`.
    """
    costs = [[_cost(graph, option, price) for option in task.options] for task in graph.tasks]
    kept = [
        _cheapest_of_class(graph, task, indices, costs[task]) for task, indices in enumerate(kept)
    ]
    mine: list[list[_Term]] = [[] for _ in kept]
    for term in _terms(graph, kept, costs):
        for task in term.tasks:
            mine[task].append(term)
    widths = {task: _size(terms, kept) for task, terms in enumerate(mine)}
    best: list[tuple[int, tuple[int, ...], npt.NDArray[np.intp]]] = []
    constant = 0
    while widths:
        task = min(widths, key=lambda one: (widths[one], one))
        if widths.pop(task) > WIDEST:
            raise TooWideError("the graph is too wide to eliminate its tasks; use 'cpsat'")
        total = _sum(mine[task])
        axis = total.tasks.index(task)
        others = total.tasks[:axis] + total.tasks[axis + 1 :]
        best.append((task, others, total.costs.argmin(axis=axis)))
        term = _Term(others, total.costs.min(axis=axis))
        if not others:
            constant += int(term.costs)
        for other in others:
            mine[other] = [one for one in mine[other] if task not in one.tasks] + [term]
            widths[other] = _size(mine[other], kept)
    if constant >= IMPOSSIBLE:
        return None
    place: dict[int, int] = {}
    for task, others, argmin in reversed(best):
        place[task] = int(argmin[tuple(place[other] for other in others)])
    return [indices[place[task]] for task, indices in enumerate(kept)]


def _cost(graph: Graph, option: Option, price: int) -> int:
    """Give the duration of an option, and the price of its bytes where they are limited."""
    if not price or option.space not in graph.capacity:
        return option.duration
    return option.duration + price * (option.weight_bytes + option.workspace_bytes) // 1024


def _cheapest_of_class(
    graph: Graph, task: int, indices: Sequence[int], costs: Sequence[int]
) -> list[int]:
    """Keep the cheapest option of those that look alike from outside."""
    classes: dict[tuple[object, ...], int] = {}
    for index in sorted(indices, key=lambda index: costs[index]):
        option = graph.tasks[task].options[index]
        device = option.device if graph.entries else ""
        classes.setdefault((device, option.input_ports, option.output_ports), index)
    return list(classes.values())


def _terms(graph: Graph, kept: Kept, costs: Sequence[Sequence[int]]) -> list[_Term]:
    """Give everything that is added up: costs of options, transfers of each tensor, entries."""
    options = [
        [task.options[index] for index in indices]
        for task, indices in zip(graph.tasks, kept, strict=True)
    ]
    terms = [
        _Term((task,), np.array([costs[task][index] for index in indices], dtype=np.int64))
        for task, indices in enumerate(kept)
    ]
    for tensor, source in enumerate(graph.source):
        slot = graph.tensors[tensor].output
        axes = [(source, [option.output_ports[slot] for option in options[source]])]
        for link in graph.readers[tensor]:
            ports = [option.input_ports[link.input] for option in options[link.target]]
            axes.append((link.target, ports))
        if len(axes) > 1:
            terms.append(_term(axes, _all_transfers(graph, tensor)))
    devices = [[option.device for option in ways] for ways in options]
    for task, links in enumerate(graph.inputs):
        if links and graph.entries:
            sources = sorted({link.source for link in links})
            axes = [(one, devices[one]) for one in (task, *sources)]
            terms.append(_term(axes, _largest_entry(graph)))
    return terms


def _all_transfers(graph: Graph, tensor: int) -> Callable[..., int | None]:
    """Give the cost of all transfers of a tensor, by source port and ports of its readers."""

    def cost(given: str, *wanted: str) -> int | None:
        times = [graph.transfer_time(tensor, given, port) for port in dict.fromkeys(wanted)]
        return None if None in times else sum(time for time in times if time)

    return cost


def _largest_entry(graph: Graph) -> Callable[..., int | None]:
    def cost(target: str, *sources: str) -> int:
        return max(graph.entries.get((source, target), 0) for source in sources)

    return cost


def _term(axes: Sequence[tuple[int, list[str]]], cost: Callable[..., int | None]) -> _Term:
    """Make a term of a cost that depends on one name of the option of each task."""
    if math.prod(len(names) for _, names in axes) > WIDEST:
        raise TooWideError("a tensor has too many readers to eliminate tasks; use 'cpsat'")
    costs = spread([names for _, names in axes], cost)
    return _aligned([task for task, _ in axes], costs)


def _aligned(tasks: Sequence[int], costs: Times) -> _Term:
    """Order the axes by task, and take the diagonal where a task reads a tensor twice."""
    labels = sorted(set(tasks))
    return _Term(
        tuple(labels), np.einsum(costs, list(map(labels.index, tasks)), range(len(labels)))
    )


def _sum(terms: Sequence[_Term]) -> _Term:
    """Add terms up over all of their tasks."""
    tasks = tuple(sorted({task for term in terms for task in term.tasks}))
    total = np.zeros([1] * len(tasks), dtype=np.int64)
    for term in terms:
        shape = [1] * len(tasks)
        for task, length in zip(term.tasks, term.costs.shape, strict=True):
            shape[tasks.index(task)] = length
        total = add(total, term.costs.reshape(shape))
    return _Term(tasks, total)


def _size(terms: Sequence[_Term], kept: Kept) -> int:
    return math.prod(len(kept[task]) for task in {t for term in terms for t in term.tasks})
