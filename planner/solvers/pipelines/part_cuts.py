"""Parts cut from one order of the units: dynamic programming over the cuts.

The best of all pipelines whose parts follow each other in a given order of the units is found
exactly. Where there is only one such order (a chain), that is the optimum.

Source of the idea: PipeDream's partitioning (Narayanan et al., SOSP 2019), here with equal devices
counted, different ones told apart, and what each part loads and stores.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from bnnplan.planner.solvers.exact.tables import IMPOSSIBLE, Times
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.pipelines.part_problem import PartProblem, Parts

MOST_CUTS = 50_000_000
"""Pairs of cuts for each combination of used devices that are looked at: a few seconds."""


def best_split(
    problem: PartProblem, order: Sequence[int], deadline: float
) -> tuple[int, Parts] | None:
    """Cut `order`, a permutation of the units that respects precedence, at the best places.

    Returns
    -------
    tuple of int and Parts, or None
        The largest load of a device, ns; None if nothing fits, or there is too much to look
        at, in all or before `deadline` (of ``time.perf_counter``).
    """
    counts = [len(kind) for kind in problem.kinds]
    if np.prod([count + 1.0 for count in counts]) * len(order) ** 2 > MOST_CUTS:
        return None
    costs = [_costs(problem, order, kind) for kind in range(len(counts))]
    start = (0,) * len(counts)
    nothing = np.full(len(order) + 1, IMPOSSIBLE)
    nothing[0] = 0
    best: dict[tuple[int, ...], Times] = {start: nothing}
    came: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for used in itertools.product(*(range(count + 1) for count in counts)):
        if used == start:
            continue
        if over(deadline):
            return None
        ways = []
        for kind in range(len(counts)):
            if used[kind]:
                loads = np.maximum(best[_less(used, kind)][:, np.newaxis], costs[kind])
                ways.append((kind, loads.argmin(axis=0), loads.min(axis=0)))
        chosen = np.argmin([loads for _, _, loads in ways], axis=0)
        places = range(len(order) + 1)
        best[used] = np.array([ways[chosen[end]][2][end] for end in places])
        came[used] = [(ways[chosen[end]][0], int(ways[chosen[end]][1][end])) for end in places]
    used = tuple(counts)
    period = int(best[used][-1])
    if period >= IMPOSSIBLE:
        return None
    parts: list[tuple[int, tuple[int, ...]]] = []
    end = len(order)
    while used != start:
        kind, begin = came[used][end]
        parts.append((kind, tuple(order[begin:end])))
        used, end = _less(used, kind), begin
    free = [iter(kind) for kind in problem.kinds]
    return period, [(next(free[kind]), units) for kind, units in reversed(parts)]


def _less(used: tuple[int, ...], kind: int) -> tuple[int, ...]:
    return (*used[:kind], used[kind] - 1, *used[kind + 1 :])


def _costs(problem: PartProblem, order: Sequence[int], kind: int) -> Times:
    """Give the load of a device of a kind with the units from one place until before another."""
    count = len(order)
    place = {unit: number for number, unit in enumerate(order)}
    costs = np.zeros((count + 1, count + 1), dtype=np.int64)
    weights = np.zeros((count + 1, count + 1), dtype=np.int64)
    for number, unit in enumerate(order):
        duration = problem.durations[unit][kind]
        costs[: number + 1, number + 1 :] += IMPOSSIBLE if duration is None else duration
        weights[: number + 1, number + 1 :] += problem.weights[unit][kind]
        # Sums of what is impossible must not overflow.
        np.minimum(costs, IMPOSSIBLE, out=costs)
    for cargo in problem.cargo:
        made = -1 if cargo.maker is None else place[cargo.maker]
        reads = sorted(place[unit] for unit in cargo.readers)
        for before, reader in itertools.pairwise([made, *reads]):
            # The first reader of a part, if the maker is in an earlier one.
            costs[before + 1 : reader + 1, reader + 1 :] += cargo.load[kind]
        if cargo.maker is not None:
            last = count if cargo.outside else reads[-1]
            costs[: made + 1, made + 1 : last + 1] += cargo.store[kind]
    room = problem.rooms[kind]
    if room is not None:
        costs[weights > room] = IMPOSSIBLE
    costs[np.tril_indices(count + 1, -1)] = IMPOSSIBLE
    return np.minimum(costs, IMPOSSIBLE)


def orders(problem: PartProblem) -> Iterator[list[int]]:
    """Give a few orders of the units that respect precedence."""
    count = len(problem.units)
    after: list[set[int]] = [set() for _ in range(count)]
    for unit, before in enumerate(problem.before):
        for source in before:
            after[source].add(unit)
    yield list(range(count))
    if problem.is_line:
        return
    size = [min((d for d in by_kind if d is not None), default=0) for by_kind in problem.durations]
    rest = [0] * count
    for unit in reversed(range(count)):
        rest[unit] = size[unit] + max((rest[one] for one in after[unit]), default=0)
    # Late units first, as soon as what they read is there; and from the other end.
    yield _picked(problem.before, [-value for value in rest], newest=True)
    yield _picked([frozenset(one) for one in after], list(range(count)), newest=True)[::-1]
    yield _picked([frozenset(one) for one in after], rest, newest=False)[::-1]
    yield _picked(problem.before, rest, newest=False)


def _picked(before: Sequence[frozenset[int]], rank: list[int], *, newest: bool) -> list[int]:
    """Order by the least rank; among what became ready last, if `newest`."""
    waiting = [set(one) for one in before]
    ready = [(0, rank[unit], unit) for unit, one in enumerate(waiting) if not one]
    order: list[int] = []
    while ready:
        chosen = min(ready)
        ready.remove(chosen)
        unit = chosen[2]
        order.append(unit)
        for other, left in enumerate(waiting):
            if unit in left:
                left.discard(unit)
                if not left:
                    ready.append((-len(order) if newest else 0, rank[other], other))
    return order
