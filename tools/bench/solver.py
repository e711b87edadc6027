"""The solvers on problems of the sizes that networks have: time to proven optimum."""

from __future__ import annotations

import random
import time

from bench import Result, arguments, report

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
    Transfer,
)
from bnnplan.planner.solvers import Status, solve

SIZES = ((10, 8, 2), (40, 20, 3), (100, 24, 3), (1000, 64, 4))


def main() -> None:
    options = arguments(__doc__)
    results = []
    for tasks, placements, devices in SIZES:
        for shape in ("chain", "residual"):
            if shape == "residual" and tasks > 100:
                continue
            results.append(one(shape, tasks, placements, devices, 1 if options.quick else 5))
    report([results], options.json)


def one(shape: str, tasks: int, placements: int, devices: int, repeats: int) -> Result:
    """Solve a few random problems of one size; median seconds, all must be proven."""
    taken = []
    for seed in range(repeats):
        problem = network_like(shape, tasks, placements, devices, seed)
        start = time.perf_counter()
        result = solve(problem, time_limit=30.0, workers=2)
        taken.append(time.perf_counter() - start)
        if result.status is not Status.OPTIMAL:
            raise SystemExit(f"{shape} {tasks}×{placements}×{devices}: {result.status}")
    taken.sort()
    name = f"{shape}, {tasks} layers × {placements} placements, {devices} devices"
    return Result(name, 2, taken[len(taken) // 2], "s", runs=repeats)


def network_like(shape: str, tasks: int, placements: int, devices: int, seed: int) -> Problem:
    """A chain of layers, or one with a residual edge over every second layer.

    The devices share a core, as a CPU and an OpenCL device on the same cores do.
    """
    chance = random.Random(seed)
    ports = [Port(f"p{d}", f"s{d}") for d in range(devices)]
    made = [
        Task(
            f"t{index}",
            tuple(
                Option(
                    name=f"o{option}",
                    device=f"d{option % devices}",
                    duration=chance.randint(1_000, 100_000),
                    input_ports=(ports[option % devices].name,) * _inputs(shape, index),
                    output_ports=(ports[option % devices].name,),
                    space=f"s{option % devices}",
                )
                for option in range(placements)
            ),
        )
        for index in range(tasks)
    ]
    transfers = tuple(
        Transfer(a.name, b.name, chance.randint(5_000, 40_000), frozenset({"core"}))
        for a in ports
        for b in ports
        if a != b
    )
    sizes = tuple(TensorSize(port.name, 1024) for port in ports)
    tensors = tuple(Tensor(f"x{i}", f"t{i}", 0, sizes, transfers) for i in range(tasks))
    edges = [Edge(f"x{index - 1}", f"t{index}", 0) for index in range(1, tasks)]
    edges += [
        Edge(f"x{index - 3}", f"t{index}", 1)
        for index in range(tasks)
        if _inputs(shape, index) == 2
    ]
    return Problem(
        name=shape,
        tasks=tuple(made),
        tensors=tensors,
        edges=tuple(edges),
        devices=tuple(Device(f"d{d}", frozenset({"core", f"queue{d}"})) for d in range(devices)),
        spaces=tuple(Space(f"s{d}") for d in range(devices)),
        ports=tuple(ports),
    )


def _inputs(shape: str, index: int) -> int:
    if index == 0:
        return 0
    return 2 if shape == "residual" and index >= 3 and index % 2 else 1


if __name__ == "__main__":
    main()
