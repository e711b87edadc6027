"""Random small problems of every structure, for comparing methods with each other."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from bnnplan.planner.problem import (
    Device,
    Edge,
    Entry,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)

SHAPES = ("chain", "tree", "dag")
DEVICES = ("shared", "disjoint", "mixed")


def make_problem(
    seed: int,
    *,
    tasks: int,
    options: int,
    shape: str = "dag",
    devices: str = "mixed",
    limited: bool = False,
    entries: bool = False,
    device_count: int = 3,
    missing: float = 0.1,
    longest: int = 6,
) -> Problem:
    """Make a problem from a seed; durations up to `longest`, so that ties and zeros occur."""
    rng = random.Random(seed)
    sources = {
        "chain": lambda t: [t - 1],
        "tree": lambda t: [rng.randrange(t)],
        "dag": lambda t: [rng.randrange(t) for _ in range(rng.choice((1, 1, 2)))],
    }[shape]
    reads = [sources(t) if t else [] for t in range(tasks)]
    twice = [rng.random() < 0.2 and shape == "dag" for _ in range(tasks)]
    fed = {source for task in reads for source in task}
    outputs = [0 if t not in fed else 1 + twice[t] for t in range(tasks)]
    resources = {
        "shared": lambda d: {"core", f"queue{d}"},
        "disjoint": lambda d: {f"core{d}"},
        "mixed": lambda d: {f"core{c}" for c in range(device_count) if rng.random() < 0.5},
    }[devices]
    device_list = tuple(Device(f"d{d}", frozenset(resources(d))) for d in range(device_count))
    everything = sorted(set().union(*(device.resources for device in device_list)))
    spaces = tuple(
        Space(f"s{s}", rng.randrange(4, 6 + 4 * tasks) if limited else None) for s in range(2)
    )
    ports = tuple(Port(f"p{p}", f"s{p % 2}") for p in range(3))
    names = [port.name for port in ports]

    def option(t: int, number: int) -> Option:
        device = rng.choice(device_list).name
        return Option(
            name=f"o{number}",
            device=device,
            duration=rng.randint(0, longest),
            input_ports=tuple(rng.choice(names) for _ in reads[t]),
            output_ports=tuple(rng.choice(names) for _ in range(outputs[t])),
            space=rng.choice(spaces).name,
            weight_bytes=rng.randint(0, 4),
            workspace_bytes=rng.choice((0, 0, 1, 3)),
            group=f"g{number}",
        )

    def moves() -> tuple[Transfer, ...]:
        return tuple(
            Transfer(
                source=a,
                target=b,
                duration=rng.randint(0, longest // 2),
                resources=frozenset(
                    {"core"}
                    if devices == "shared"
                    else rng.sample(everything, min(len(everything), rng.choice((0, 0, 1, 2))))
                ),
            )
            for a in names
            for b in names
            if a != b and rng.random() >= missing
        )

    return Problem(
        name=f"random {seed}",
        tasks=tuple(
            Task(f"t{t}", tuple(option(t, n) for n in range(rng.randint(1, options))))
            for t in range(tasks)
        ),
        tensors=tuple(
            Tensor(
                name=f"x{t}.{k}",
                source=f"t{t}",
                output=k,
                sizes=tuple(TensorSize(name, rng.randint(0, 4)) for name in names),
                transfers=moves(),
            )
            for t in range(tasks)
            for k in range(outputs[t])
        ),
        edges=tuple(
            Edge(f"x{source}.{rng.randrange(outputs[source])}", f"t{t}", number)
            for t in range(tasks)
            for number, source in enumerate(reads[t])
        ),
        devices=device_list,
        spaces=spaces,
        ports=ports,
        entries=tuple(
            Entry(a.name, b.name, rng.randint(0, 3))
            for a in device_list
            for b in device_list
            if entries and a != b
        ),
    )


@st.composite
def problems(draw: st.DrawFn, tasks: int = 4, options: int = 3, **given: object) -> Problem:
    """Draw a small problem; `given` fixes arguments of `make_problem`."""
    drawn = {
        "shape": draw(st.sampled_from(SHAPES)),
        "devices": draw(st.sampled_from(DEVICES)),
        "limited": draw(st.booleans()),
        "entries": draw(st.booleans()),
        "tasks": draw(st.integers(1, tasks)),
        "options": draw(st.integers(1, options)),
    }
    return make_problem(draw(st.integers(0, 2**32)), **{**drawn, **given})
