"""Random planning problems with the structure and the sizes that networks have.

The same arguments and seed give the same problem on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable

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

Reads = list[list[int]]
"""For each layer, the layers that it reads."""


def chain(layers: int, chance: random.Random) -> Reads:
    """One layer after the other."""
    return [[layer - 1] if layer else [] for layer in range(layers)]


def residual(layers: int, chance: random.Random) -> Reads:
    """A chain whose every second layer also reads what came three layers before."""
    return [
        [layer - 1, layer - 3] if layer >= 3 and layer % 2 else [layer - 1] if layer else []
        for layer in range(layers)
    ]


def inception(layers: int, chance: random.Random) -> Reads:
    """Blocks of four branches of one to three layers, whose ends are joined in one layer."""
    reads: Reads = [[]]
    while len(reads) < layers:
        fork = len(reads) - 1
        ends = []
        for _ in range(4):
            before = fork
            for _ in range(chance.randint(1, 3)):
                reads.append([before])
                before = len(reads) - 1
            ends.append(before)
        reads.append(ends)
    return reads[:layers]


def braided(layers: int, chance: random.Random, width: int = 8) -> Reads:
    """Every layer reads one to three of the last `width` ones."""
    return [
        sorted(chance.sample(range(max(0, layer - width), layer), min(layer, chance.randint(1, 3))))
        for layer in range(layers)
    ]


SHAPES: dict[str, Callable[[int, random.Random], Reads]] = {
    "chain": chain,
    "residual": residual,
    "inception": inception,
    "braided": braided,
}


def assignment(
    shape: str,
    layers: int,
    placements: int,
    devices: int,
    seed: int,
    *,
    room: float | None = None,
    activations: bool = False,
    alike: bool = False,
    objective: Measure = Measure.LATENCY,
) -> Problem:
    """A network on devices of which one works at a time, as all need the same core.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    layers, placements, devices : int
        Placements are spread evenly over the devices, each of which has a memory of its own.
    seed : int
    room : float, optional
        The capacity of each memory as a share of the weights of all layers; above 1 / `devices`,
        so that there is a plan. By default memory is not limited.
    activations : bool
        Whether tensors are large enough to matter beside the weights.
    alike : bool
        Whether all placements of a layer have the same weights, and layers differ in size more
        than devices in speed, as in networks; otherwise everything is drawn independently.
    objective : Measure
        Latency, or energy (of the same structure).
    """
    chance = random.Random(f"{shape} {layers} {placements} {devices} {seed}")
    reads = SHAPES[shape](layers, chance)
    fed = {source for sources in reads for source in sources}
    ports = [Port(f"p{device}", f"s{device}") for device in range(devices)]
    speeds = [chance.uniform(0.5, 2.0) for _ in range(devices)]
    tasks = []
    total = 0
    for layer, sources in enumerate(reads):
        work = chance.lognormvariate(10.5, 0.8)
        weights = int(chance.lognormvariate(10.0, 1.0))
        total += weights
        options = []
        for number in range(placements):
            device = number % devices
            drawn = chance.randint(1_000, 100_000)
            scaled = int(work * speeds[device] * chance.uniform(0.7, 1.4))
            options.append(
                Option(
                    name=f"o{number}",
                    device=f"d{device}",
                    duration=scaled if alike else drawn,
                    input_ports=(ports[device].name,) * len(sources),
                    output_ports=(ports[device].name,) if layer in fed else (),
                    space=f"s{device}",
                    weight_bytes=weights if alike else int(weights * chance.uniform(0.8, 1.2)),
                    workspace_bytes=chance.randrange(weights),
                    energy=chance.randint(1_000, 100_000),
                )
            )
        tasks.append(Task(f"t{layer}", tuple(options)))
    largest = total // 100 if activations else 64
    tensors = []
    for layer in sorted(fed):
        size = chance.randint(largest // 8, largest)
        moves = tuple(
            Transfer(
                a.name, b.name, chance.randint(5_000, 40_000), frozenset({"core"}),
                energy=chance.randint(5_000, 40_000),
            )
            for a in ports
            for b in ports
            if a != b
        )  # fmt: skip
        sizes = tuple(TensorSize(port.name, size) for port in ports)
        tensors.append(Tensor(f"x{layer}", f"t{layer}", 0, sizes, moves))
    capacity = None if room is None else int(room * total)
    return Problem(
        name=f"{shape} {layers}×{placements}×{devices} seed {seed}",
        tasks=tuple(tasks),
        tensors=tuple(tensors),
        edges=tuple(
            Edge(f"x{source}", f"t{layer}", number)
            for layer, sources in enumerate(reads)
            for number, source in enumerate(sources)
        ),
        devices=tuple(Device(f"d{d}", frozenset({"core", f"queue{d}"})) for d in range(devices)),
        spaces=tuple(Space(f"s{d}", capacity) for d in range(devices)),
        ports=tuple(ports),
        objectives=(objective,),
    )
