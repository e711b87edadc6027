"""Random small problems of every structure, for comparing methods with each other."""

from __future__ import annotations

import random
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from bnnplan.planner.problem import (
    Device,
    Edge,
    Entry,
    Export,
    Limit,
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
from bnnplan.planner.problem_format import problem_from_dict, problem_to_dict

SHAPES = ("chain", "tree", "dag")
DEVICES = ("shared", "disjoint", "mixed")
WISHES = ("limits", "exports", "contiguous", "colocated", "switches")


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
    objective: Measure | None = None,
    pipeline: bool = False,
    limits: bool = False,
    exports: bool = False,
    contiguous: bool = False,
    colocated: bool = False,
    switches: bool = False,
) -> Problem:
    """Make a problem from a seed; durations up to `longest`, so that ties and zeros occur.

    Energies are always random. Without an objective, a pipeline minimises the period, one
    inference the latency; a pipeline with another objective has a limited period. The last five
    arguments give the problem random limits (some of them binding), exports, contiguous devices,
    groups, and a limit on switches.
    """
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

    problem = Problem(
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
    # Wishes are drawn apart, so that the same seed gives the same graph with and without them.
    wishes = random.Random(~seed)
    problem = _with_energies(problem, wishes)
    if exports:
        problem = _with_exports(problem, wishes, everything, longest)
    if contiguous:
        problem = _with_contiguous(problem, wishes)
    if colocated:
        names = [task.name for task in problem.tasks]
        groups = [wishes.sample(names, min(len(names), wishes.choice((1, 2, 2, 3))))]
        problem = evolve(problem, colocated=tuple(tuple(group) for group in groups))
    if switches:
        problem = evolve(problem, switches=wishes.randint(0, len(problem.edges) // 2))
    if objective is None:
        objective = Measure.PERIOD if pipeline else Measure.LATENCY
    pipeline |= objective is Measure.PERIOD
    wanted = {measure for measure in Measure if limits and wishes.random() < 0.4}
    wanted -= {Measure.PERIOD}
    if pipeline and (objective is not Measure.PERIOD or wishes.random() < 0.2):
        wanted.add(Measure.PERIOD)
    most = {
        Measure.LATENCY: longest * (2 + tasks),
        Measure.PERIOD: longest * (1 + tasks // 2),
        Measure.ENERGY: 6 * tasks,
        Measure.MEMORY: 10 * tasks,
    }
    return evolve(
        problem,
        objectives=(objective,),
        limits=tuple(
            Limit(measure, wishes.randint(most[measure] // 4, most[measure]))
            for measure in Measure
            if measure in wanted
        ),
    )


def _with_energies(problem: Problem, rng: random.Random) -> Problem:
    def option(one: Option) -> Option:
        return evolve(one, energy=rng.randint(0, 6))

    def tensor(one: Tensor) -> Tensor:
        moves = tuple(evolve(move, energy=rng.randint(0, 3)) for move in one.transfers)
        return evolve(one, transfers=moves)

    return evolve(
        problem,
        tasks=tuple(
            evolve(task, options=tuple(map(option, task.options))) for task in problem.tasks
        ),
        tensors=tuple(map(tensor, problem.tensors)),
    )


def _with_exports(
    problem: Problem, rng: random.Random, resources: list[str], longest: int
) -> Problem:
    """Give half of all (tensor, port) an export."""

    def export(port: str) -> Export:
        busy = rng.sample(resources, min(len(resources), rng.choice((0, 1, 1, 2))))
        return Export(port, rng.randint(0, longest // 2), frozenset(busy), rng.randint(0, 3))

    return evolve(
        problem,
        tensors=tuple(
            evolve(
                tensor,
                exports=tuple(export(p.name) for p in problem.ports if rng.random() < 0.5),
            )
            for tensor in problem.tensors
        ),
    )


def _with_contiguous(problem: Problem, rng: random.Random) -> Problem:
    """Make one to all devices contiguous."""
    count = rng.randint(1, len(problem.devices))
    chosen = set(rng.sample([device.name for device in problem.devices], count))
    return evolve(
        problem,
        devices=tuple(evolve(d, contiguous=d.name in chosen) for d in problem.devices),
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


@st.composite
def wishful(
    draw: st.DrawFn,
    tasks: int = 4,
    options: int = 3,
    pipeline: bool | None = None,
    **given: object,
) -> Problem:
    """Draw a small problem with any objective and any wishes; both kinds, or as `pipeline` says."""
    if pipeline is None:
        pipeline = draw(st.booleans())
    drawn: dict[str, object] = {wish: draw(st.booleans()) for wish in WISHES}
    drawn["objective"] = draw(
        st.sampled_from([one for one in Measure if pipeline or one is not Measure.PERIOD])
    )
    return draw(problems(tasks, options, **{**drawn, "pipeline": pipeline, **given}))


def with_other_names(problem: Problem) -> Problem:
    """Rename everything, which changes every order of names."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return f"z{value[::-1]}" if isinstance(value, str) and value else value

    plain = problem_to_dict(problem)
    kept = {key: plain[key] for key in ("schema", "version", "objectives", "limits")}
    return problem_from_dict({**renamed(plain), **kept})
