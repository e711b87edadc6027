"""Loads of resources in a pipeline, and bounds of the period that need no solver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.exact.tables import Times
from bnnplan.planner.solvers.structure import Graph

ROUNDS = 60
"""Steps of the search for good weights; each is one pass over all options."""
PARTS = 900
"""About what the weights of resources, whole numbers, add up to: sums of all durations, which are
below 2 ** 53, times the weights are exact."""


def distinct_resources(graph: Graph) -> list[str]:
    """Name one resource of each set of resources that are always busy together."""
    together = {device.resources for device in graph.problem.devices}
    for tensor in graph.tensors:
        together |= {move.resources for move in tensor.transfers}
        together |= {export.resources for export in tensor.exports}
    known: dict[frozenset[frozenset[str]], str] = {}
    for resource in sorted(set().union(*together)):
        known.setdefault(frozenset(one for one in together if resource in one), resource)
    return list(known.values())


def durations(graph: Graph, kept: Kept, resources: Sequence[str]) -> Times:
    """Give the ns that each option keeps each resource busy.

    Returns
    -------
    array of int64, tasks × options × resources
        Tasks with fewer options than others repeat their first one.
    """
    most = max(map(len, kept))
    rows = [
        [
            [
                option.duration * (resource in graph.resources[option.device])
                for resource in resources
            ]
            for option in (
                graph.tasks[task].options[index]
                for index in (*indices, *[indices[0]] * (most - len(indices)))
            )
        ]
        for task, indices in enumerate(kept)
    ]
    return np.array(rows, dtype=np.int64).reshape(len(kept), most, len(resources))


def within(busy: Times, period: int) -> Times | None:
    """Give the same durations with options that take longer than `period` replaced by others.

    None if a task has no other one.
    """
    fits = busy.max(axis=2, initial=0) <= period
    if not fits.any(axis=1).all():
        return None
    first = fits.argmax(axis=1)
    places = np.where(fits, np.arange(busy.shape[1]), first[:, np.newaxis])
    replaced: Times = np.take_along_axis(busy, places[:, :, np.newaxis], axis=1)
    return replaced


def most_load(graph: Graph, kept: Kept, resource: str) -> int:
    """Give a load (ns) of a resource that no choice exceeds."""
    entered = max(graph.entries.values(), default=0)
    total = 0
    for task, indices in enumerate(kept):
        spans = [
            option.duration + entered
            for option in (graph.tasks[task].options[index] for index in indices)
            if resource in graph.resources[option.device]
        ]
        total += max(spans, default=0)
    for tensor, links in enumerate(graph.readers):
        targets: dict[str, int] = {}
        for move in graph.tensors[tensor].transfers:
            if resource in move.resources:
                targets[move.target] = max(targets.get(move.target, 0), move.duration)
        total += sum(sorted(targets.values(), reverse=True)[: len(links)])
        exports = graph.exports[tensor].values()
        total += max((one.duration for one in exports if resource in one.resources), default=0)
    return total


def good_weights(busy: Times) -> Times:
    """Give rows of weights of the resources, each a relaxation of the problem.

    No solution has a smaller period than the least sum of weighted durations, each task for
    itself, divided by the sum of the weights. The weights that make this the largest are those of
    the linear relaxation; they are approached by multiplying the weights of what is too busy.

    Source: Arora, Hazan, Kale, "The multiplicative weights update method", 2012.
    """
    tasks, _, count = busy.shape
    if not count:
        return np.zeros((0, 0), dtype=np.int64)
    even = np.full(count, PARTS // count + 1, dtype=np.int64)
    best = weighted_bound(busy, even), even
    weights = np.full(count, 1.0 / count)
    step = 0.5
    for _ in range(ROUNDS if count > 1 else 0):
        whole = np.floor(weights * PARTS).astype(np.int64)
        picked = (busy @ whole).argmin(axis=1)
        load = busy[np.arange(tasks), picked].sum(axis=0)
        if not load.max():
            break
        bound = weighted_bound(busy, whole)
        if bound > best[0]:
            best = bound, whole
        else:
            step *= 0.95
        weights *= np.exp(step * (load / load.max() - 1.0))
        weights /= weights.sum()
    return np.array([even, best[1], *np.eye(count, dtype=np.int64)], dtype=np.int64)


def weighted_bound(busy: Times, weights: Times) -> int:
    """Give a period (ns) that no solution is below, by weights of the resources."""
    least = int((busy @ weights).min(axis=1).sum())
    return -(-least // int(weights.sum()))


def least_period(graph: Graph, kept: Kept) -> int:
    """Give a period (ns) that no solution is below."""
    busy = durations(graph, kept, distinct_resources(graph))
    slowest = int(busy.max(axis=2, initial=0).min(axis=1).max())
    return max([slowest, *(weighted_bound(busy, weights) for weights in good_weights(busy))])


def binding_resources(graph: Graph, kept: Kept, least: int) -> list[str]:
    """Name the distinct resources whose load can be above a bound of the period."""
    return [
        resource
        for resource in distinct_resources(graph)
        if most_load(graph, kept, resource) > least
    ]
