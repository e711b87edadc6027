"""Profiles recorded by HEP-BNN as problems: a chain of layers with up to eight configurations.

A run is a folder with a folder a configuration (`cpu`, `x`, …, `xyz`), and in it a file a batch
size, `timings_CONFIGURATION_BATCH.csv`: for each layer the seconds that all test images took on
the CPU, on the GPU and together, to hundredths. HEP-BNN counts no transfers: the time of each
layer contains its own copies. Its greedy choice is the least time of each layer, then the batch
size of the least sum; equal times are taken in the alphabetical order of configurations, equal
sums in the order of batch sizes.

Source: arXiv 2301.05126; https://github.com/LeonardDavid/fastinference (MIT).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from attrs import frozen
from reading import FileError, read_text

from bnnplan.planner.problem import (
    Device,
    Edge,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
)

CONFIGURATIONS = ("cpu", "x", "xy", "xyz", "xz", "y", "yz", "z")
COLUMNS = 6
NS_PER_SECOND = 1_000_000_000
MEMORY = "memory"


@frozen
class Time:
    """Nanoseconds that a layer took, of all test images, on the CPU and on the GPU."""

    cpu: int
    gpu: int

    @property
    def total(self) -> int:
        return self.cpu + self.gpu


Run = dict[int, list[dict[str, Time]]]
"""By batch size, for each layer: its times by configuration."""


def read(folder: Path) -> Run:
    """Read all recorded times of a run, batch sizes in ascending order.

    Raises
    ------
    FileError
        One line with file, line and reason.
    """
    files = [
        file
        for configuration in CONFIGURATIONS
        for file in sorted((folder / configuration).glob(f"timings_{configuration}_*.csv"))
    ]
    if not files:
        raise FileError(
            f"{folder}: holds no CONFIGURATION/timings_CONFIGURATION_BATCH.csv with one of "
            f"{', '.join(CONFIGURATIONS)}"
        )
    layers: dict[int, dict[int, dict[str, Time]]] = {}
    for file in files:
        for number, row in enumerate(csv.reader(read_text(file).splitlines()), 1):
            if number > 1:
                batch, layer, configuration, time = _row(row, f"{file}, line {number}")
                if configuration != file.parent.name:
                    raise FileError(f"{file}, line {number}: configuration {configuration!r}")
                known = layers.setdefault(batch, {}).setdefault(layer, {})
                if configuration in known:
                    raise FileError(f"{file}, line {number}: layer {layer} twice")
                known[configuration] = time
    run = {}
    for batch in sorted(layers):
        if sorted(layers[batch]) != list(range(1, len(layers[batch]) + 1)):
            raise FileError(f"{folder}: batch size {batch}: layers must be numbered from 1")
        run[batch] = [layers[batch][layer] for layer in sorted(layers[batch])]
    return run


def _row(row: list[str], where: str) -> tuple[int, int, str, Time]:
    if len(row) != COLUMNS:
        raise FileError(f"{where}: {len(row)} columns instead of {COLUMNS}")
    batch, layer, configuration, *seconds = row
    for name, text in (("batch_size", batch), ("layer_nr", layer)):
        if not text.isdecimal():
            raise FileError(f"{where}: {name} must be a whole number, not {text!r}")
    cpu, gpu, total = (_ns(text, where) for text in seconds)
    if cpu + gpu != total:
        raise FileError(f"{where}: {seconds[0]} s and {seconds[1]} s are not {seconds[2]} s")
    return int(batch), int(layer), configuration, Time(cpu, gpu)


def _ns(text: str, where: str) -> int:
    try:
        ns = Decimal(text) * NS_PER_SECOND
        if ns == int(ns) and ns >= 0:
            return int(ns)
    except (InvalidOperation, OverflowError, ValueError):
        pass
    raise FileError(f"{where}: {text!r} is no time in seconds")


def greedy(run: Run) -> dict[int, list[str]]:
    """The configuration that HEP-BNN chooses for each layer, by batch size."""
    return {
        batch: [min(sorted(times), key=lambda name: times[name].total) for times in layers]
        for batch, layers in run.items()
    }


def best_batch(run: Run) -> int:
    """The batch size whose greedy choice has the least sum."""
    choices = greedy(run)

    def total(batch: int) -> int:
        return sum(
            times[name].total for times, name in zip(run[batch], choices[batch], strict=True)
        )

    return min(run, key=total)


def problem(name: str, layers: Sequence[Mapping[str, Time]]) -> Problem:
    """Make the problem of one batch size: options in the order in which greedy prefers them."""
    last = len(layers) - 1
    return Problem(
        name=name,
        tasks=tuple(
            Task(
                f"layer {index + 1}",
                tuple(
                    Option(
                        name=configuration,
                        device="cpu" if configuration == "cpu" else "gpu",
                        duration=times[configuration].total,
                        input_ports=(MEMORY,) if index else (),
                        output_ports=(MEMORY,) if index < last else (),
                        space=MEMORY,
                        group=configuration,
                    )
                    for configuration in sorted(times)
                ),
            )
            for index, times in enumerate(layers)
        ),
        tensors=tuple(
            Tensor(f"output {index + 1}", f"layer {index + 1}", 0, (TensorSize(MEMORY, 0),))
            for index in range(last)
        ),
        edges=tuple(Edge(f"output {index}", f"layer {index + 1}") for index in range(1, last + 1)),
        devices=(Device("cpu", frozenset({"cpu"})), Device("gpu", frozenset({"gpu"}))),
        spaces=(Space(MEMORY),),
        ports=(Port(MEMORY, MEMORY),),
    )
