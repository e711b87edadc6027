"""Random problems whose devices work at the same time: schedules and pipelines."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bnnplan.planner.problem import (
    Device,
    Edge,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)


def parallel(branches: int, length: int) -> list[list[int]]:
    """What each layer reads: a first one, branches of `length` layers, and one that joins."""
    reads: list[list[int]] = [[]]
    ends = []
    for _ in range(branches):
        before = 0
        for _ in range(length):
            reads.append([before])
            before = len(reads) - 1
        ends.append(before)
    return [*reads, ends]


def concurrent(
    reads: Sequence[Sequence[int]],
    devices: int,
    seed: int,
    *,
    placements: int = 2,
    objective: Measure = Measure.LATENCY,
    contiguous: bool = False,
    bus: bool = False,
) -> Problem:
    """Layers on devices with cores of their own, and links between them.

    Parameters
    ----------
    reads : sequence of sequence of int
        For each layer the layers that it reads.
    devices : int
        Some are faster than others, each at other layers.
    seed : int
    placements : int
        On each device.
    objective : Measure
    contiguous : bool
        Whether each device takes one part.
    bus : bool
        Whether all transfers share one link; else there is one between each two devices.
    """
    chance = random.Random(f"{reads} {devices} {seed}")
    fed = {source for sources in reads for source in sources}
    speeds = [chance.uniform(0.5, 2.0) for _ in range(devices)]
    names = [f"d{device}" for device in range(devices)]
    tasks = []
    for layer, sources in enumerate(reads):
        work = chance.lognormvariate(11.0, 0.7)
        tasks.append(
            Task(
                f"t{layer}",
                tuple(
                    Option(
                        f"{name} {number}",
                        name,
                        int(work * speed * chance.uniform(0.7, 1.4)),
                        (name,) * len(sources),
                        (name,) if layer in fed else (),
                        name,
                    )
                    for name, speed in zip(names, speeds, strict=True)
                    for number in range(placements)
                ),
            )
        )
    tensors = []
    for layer in sorted(fed):
        moved = chance.randint(5_000, 40_000)
        moves = tuple(
            Transfer(a, b, moved, frozenset({"bus" if bus else f"link {min(a, b)} {max(a, b)}"}))
            for a in names
            for b in names
            if a != b
        )
        sizes = tuple(TensorSize(name, 1024) for name in names)
        tensors.append(Tensor(f"x{layer}", f"t{layer}", 0, sizes, moves))
    return Problem(
        name=f"{len(reads)} layers on {devices} devices, seed {seed}",
        tasks=tuple(tasks),
        tensors=tuple(tensors),
        edges=tuple(
            Edge(f"x{source}", f"t{layer}", number)
            for layer, sources in enumerate(reads)
            for number, source in enumerate(sources)
        ),
        devices=tuple(Device(name, frozenset({name}), contiguous) for name in names),
        spaces=tuple(Space(name) for name in names),
        ports=tuple(Port(name, name) for name in names),
        objectives=(objective,),
    )
