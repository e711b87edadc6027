"""Measures what it costs to move tensors between spaces, and fits a line through it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from bnnplan.backends.interface import Buffer
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.board import USER
from bnnplan.planner.execution.ready import Copy
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import TransferCost

REPEATS = 25
SIZES = 6
SMALLEST = 64
SECOND = 1e9
"""In nanoseconds."""


def measure_transfers(bench: Workbench, largest: int = 0) -> tuple[TransferCost, ...]:
    """Measure every pair of places over sizes up to the largest tensor of the network.

    Pairs whose figures the board declares are not measured.

    Parameters
    ----------
    bench : Workbench
    largest : int
        Bytes up to which sizes go at least.
    """
    largest = max(largest, *(kind.nbytes(bench.batch) for kind in bench.network.types.values()))
    sizes = np.geomspace(SMALLEST, max(largest, 2 * SMALLEST), SIZES).astype(int).tolist()
    owners = {device.space.name: device.name for device in reversed(bench.board.devices)}
    declared = {(link.source, link.target): link for link in bench.board.links}
    samples: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for size in sizes:
        actions = _actions(bench, owners, size)
        for pair in declared:
            actions.pop(pair, None)
        times: dict[tuple[str, str], list[int]] = {pair: [] for pair in actions}
        for _ in range(REPEATS):
            for pair, action in actions.items():
                start = time.perf_counter_ns()
                action()
                times[pair].append(time.perf_counter_ns() - start)
        for pair, taken in times.items():
            samples.setdefault(pair, []).append((size, round(statistics.median(taken))))
    measured = [fit(*pair, points) for pair, points in samples.items()]
    stated = [
        TransferCost(*pair, link.latency * SECOND, SECOND / link.bandwidth, 0.0, ())
        for pair, link in declared.items()
    ]
    return (*measured, *stated)


def _actions(
    bench: Workbench, owners: dict[str, str], size: int
) -> dict[tuple[str, str], Callable[[], object]]:
    kind = TensorType((size,), ElementType.UINT8)
    array = np.zeros((1, size), np.uint8)
    actions: dict[tuple[str, str], Callable[[], object]] = {}

    def buffer(space: str) -> Buffer:
        backend = bench.backends[owners[space]]
        made = backend.allocate(bench.device(owners[space]), kind, 1, kind.format)
        backend.upload(array, made)
        return made

    for space, device in owners.items():
        backend, mine = bench.backends[device], buffer(space)
        actions[USER, space] = lambda b=backend, m=mine: b.upload(array, m)  # type: ignore[misc]
        actions[space, USER] = lambda b=backend, m=mine: b.download(m)  # type: ignore[misc]
        for other, neighbour in owners.items():
            if other != space:
                there = bench.backends[neighbour]
                copy = Copy("tensor", mine, buffer(other), backend, there)
                actions[space, other] = copy.run
    return actions


def fit(source: str, target: str, points: list[tuple[int, int]]) -> TransferCost:
    """A line ``overhead + bytes * slope`` with least squares of the relative error.

    Both figures are kept at 0 or above: with one of them at 0, the best other one is taken.
    """
    sizes, times = (np.array(column, float) for column in zip(*points, strict=True))
    columns = np.stack([1 / times, sizes / times], axis=1)
    overhead, slope = np.linalg.lstsq(columns, np.ones(len(points)), rcond=None)[0]
    if slope < 0 or overhead < 0:
        only = 1 if overhead < 0 else 0
        value = columns[:, only].sum() / (columns[:, only] ** 2).sum()
        overhead, slope = (0.0, value) if only else (value, 0.0)
    residual = float(np.abs(columns @ np.array([overhead, slope]) - 1).max())
    return TransferCost(source, target, float(overhead), float(slope), residual, tuple(points))
