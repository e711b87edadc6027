"""Schedules whose optimum is known, and problems at the edge of what there is."""

import importlib.util
import os
import random
import sys
from pathlib import Path

import pytest
from attrs import evolve
from random_problems import make_problem

from bnnplan.planner.problem import (
    Device,
    Edge,
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
from bnnplan.planner.solvers import Status, check
from bnnplan.planner.solvers.cpsat import latency as cpsat_latency
from bnnplan.planner.solvers.exact import exhaustive

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[4] / "shared" / "data"))
LATENCY = DATA / "planner" / "dnn-partitioning" / "latency"
CONVERTERS = Path(__file__).parents[3] / "tools" / "convert"

# Fisher and Thompson, "Probabilistic learning combinations of local job-shop scheduling rules",
# 1963: machine and time of each step of six jobs. The optimum is 55.
FT06 = (
    ((2, 1), (0, 3), (1, 6), (3, 7), (5, 3), (4, 6)),
    ((1, 8), (2, 5), (4, 10), (5, 10), (0, 10), (3, 4)),
    ((2, 5), (3, 4), (5, 8), (0, 9), (1, 1), (4, 7)),
    ((1, 5), (0, 5), (2, 5), (3, 3), (4, 8), (5, 9)),
    ((2, 9), (1, 3), (4, 5), (5, 4), (0, 3), (3, 1)),
    ((1, 3), (3, 3), (5, 9), (0, 10), (4, 4), (2, 1)),
)


def jobs(steps, machines, scale=1):
    """Jobs of steps; each step has times by machine, or one (machine, time)."""
    tasks, tensors, edges = [], [], []
    for job, row in enumerate(steps):
        for number, step in enumerate(row):
            ways = [step] if isinstance(step, tuple) else list(step.items())
            name, last = f"{job}.{number}", number + 1 == len(row)
            tasks.append(
                Task(
                    name,
                    tuple(
                        Option(
                            f"m{machine}",
                            f"m{machine}",
                            time * scale,
                            ("p",) if number else (),
                            () if last else ("p",),
                            "s",
                        )
                        for machine, time in ways
                    ),
                )
            )
            if not last:
                tensors.append(Tensor(f"x{name}", name, 0, (TensorSize("p", 0),)))
                edges.append(Edge(f"x{name}", f"{job}.{number + 1}"))
    return Problem(
        "jobs",
        tuple(tasks),
        tuple(tensors),
        tuple(edges),
        tuple(Device(f"m{m}", frozenset({f"m{m}"})) for m in range(machines)),
        (Space("s"),),
        (Port("p", "s"),),
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_shop_with_known_optimum(workers):
    result = cpsat_latency.solve(jobs(FT06, 6), workers=workers)
    assert (result.status, result.objective) == (Status.OPTIMAL, 55)


def test_a_flexible_job_shop_with_known_optimum():
    # Nine steps of 2 or 3 that any machine can do: 22 in all, at best 11 on each of two machines.
    steps = [[{0: 2, 1: 2}, {0: 3, 1: 3}, {0: 2, 1: 2}], [{0: 3, 1: 3}] * 3, [{0: 2, 1: 2}] * 3]
    result = cpsat_latency.solve(jobs(steps, 2))
    assert (result.status, result.objective) == (Status.OPTIMAL, 11)


@pytest.mark.parametrize("scale", [10**12, 10**13])
def test_times_near_the_largest(scale):
    """The sum of all times of the job shop is 197: it has to stay below 2⁵³."""
    result = cpsat_latency.solve(jobs(FT06, 6, scale), time_limit=30.0, workers=2)
    assert (result.status, result.objective) == (Status.OPTIMAL, 55 * scale)


def test_times_of_zero():
    result = cpsat_latency.solve(jobs(FT06, 6, scale=0))
    assert (result.status, result.objective) == (Status.OPTIMAL, 0)


def test_a_single_task():
    result = cpsat_latency.solve(jobs([[{0: 7, 1: 5}]], 2))
    assert (result.status, result.objective) == (Status.OPTIMAL, 5)


def test_equal_machines_and_jobs_that_do_not_know_each_other():
    result = cpsat_latency.solve(jobs([[dict.fromkeys(range(4), 3)]] * 9, 4), workers=2)
    assert (result.status, result.objective) == (Status.OPTIMAL, 9)


def circle():
    """Two tasks on contiguous `a` around one on contiguous `b`; nothing there takes time."""
    ports = (Port("p", "s"),)

    def option(device, inputs, outputs, duration=0):
        return Option(device, device, duration, ("p",) * inputs, ("p",) * outputs, "s")

    def task(name, inputs, outputs, *devices):
        return Task(name, tuple(option(d, inputs, outputs, t) for d, t in devices))

    return Problem(
        "circle",
        (
            task("first", 0, 1, ("a", 0)),
            task("middle", 1, 1, ("b", 0), ("a", 5)),
            task("last", 1, 0, ("a", 0)),
        ),
        tuple(Tensor(f"x{n}", n, 0, (TensorSize("p", 0),)) for n in ("first", "middle")),
        (Edge("xfirst", "middle"), Edge("xmiddle", "last")),
        (Device("a", frozenset({"a"}), True), Device("b", frozenset({"b"}), True)),
        (Space("s"),),
        ports,
    )


def test_parts_never_wait_in_a_circle_even_if_nothing_takes_time(monkeypatch):
    monkeypatch.setattr(cpsat_latency, "heuristic", lambda *_, **__: None)
    result = cpsat_latency.solve(circle())
    assert (result.status, result.objective) == (Status.OPTIMAL, 5)
    assert check(circle(), result.solution) == []


def shared_copies():
    """Two readers elsewhere of one tensor; copies hold memory at both ends while they are made."""

    def task(name, inputs, outputs, device):
        port = f"p{device}"
        return Task(
            name,
            (Option("only", device, 10, (port,) * inputs, (port,) * outputs, f"s{device}", 1),),
        )

    sizes = (TensorSize("pa", 4), TensorSize("pb", 4))
    moves = (Transfer("pa", "pb", 2, frozenset({"link"})),)
    return Problem(
        "copies",
        (task("make", 0, 1, "a"), task("left", 1, 0, "b"), task("right", 1, 0, "b")),
        (Tensor("x", "make", 0, sizes, moves),),
        (Edge("x", "left"), Edge("x", "right")),
        (Device("a", frozenset({"a"})), Device("b", frozenset({"b"}))),
        (Space("sa"), Space("sb")),
        (Port("pa", "sa"), Port("pb", "sb")),
        objectives=(Measure.MEMORY,),
    )


def test_memory_is_the_sum_of_what_each_space_holds_at_most():
    # Weights of 1 + 2, the tensor where it is made and where it is read.
    result = cpsat_latency.solve(shared_copies())
    assert (result.status, result.objective) == (Status.OPTIMAL, 11)


def test_a_limit_on_latency_that_is_too_low():
    problem = evolve(shared_copies(), limits=(Limit(Measure.LATENCY, 31),))
    assert cpsat_latency.solve(problem).status is Status.INFEASIBLE
    problem = evolve(problem, limits=(Limit(Measure.LATENCY, 32),))
    assert cpsat_latency.solve(problem).status is Status.OPTIMAL


def fork_and_join(seed, branches, devices, linked):
    """A first task, branches of one, and a last task, each on any device with a port of its own."""
    rng = random.Random(seed)
    names = [f"p{device}" for device in range(devices)]

    def task(name, inputs, outputs):
        return Task(
            name,
            tuple(
                Option(f"o{d}", f"d{d}", rng.randint(0, 30), (p,) * inputs, (p,) * outputs, "s")
                for d, p in enumerate(names)
            ),
        )

    def tensor(source):
        moved, busy = rng.randint(0, 20), frozenset({"bus"} if linked else ())
        moves = tuple(Transfer(a, b, moved, busy) for a in names for b in names if a != b)
        return Tensor(f"x{source}", source, 0, tuple(TensorSize(p, 0) for p in names), moves)

    middle = [f"b{branch}" for branch in range(branches)]
    return Problem(
        "fork and join",
        (task("in", 0, 1), *(task(one, 1, 1) for one in middle), task("out", branches, 0)),
        tuple(tensor(one) for one in ("in", *middle)),
        (
            *(Edge("xin", one) for one in middle),
            *(Edge(f"x{one}", "out", n) for n, one in enumerate(middle)),
        ),
        tuple(Device(f"d{d}", frozenset({f"core{d}"})) for d in range(devices)),
        (Space("s"),),
        tuple(Port(p, "s") for p in names),
    )


@pytest.mark.parametrize(("branches", "devices"), [(2, 3), (3, 2), (4, 2)])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_said_of_forks_and_joins_is_true(monkeypatch, branches, devices, linked):
    monkeypatch.setattr(cpsat_latency, "heuristic", lambda *_, **__: None)
    for seed in range(6):
        problem = fork_and_join(seed, branches, devices, linked)
        exact = exhaustive.solve(problem)
        result = cpsat_latency.solve(problem)
        assert (result.status, result.objective) == (exact.status, exact.objective), seed


def in_other_units(problem, ns, byte):
    """The same problem with every time `ns` times as long, and every size `byte` times as large."""
    factor = {Measure.LATENCY: ns, Measure.MEMORY: byte, Measure.ENERGY: 1}
    return evolve(
        problem,
        tasks=tuple(
            evolve(
                task,
                options=tuple(
                    evolve(
                        option,
                        duration=option.duration * ns,
                        weight_bytes=option.weight_bytes * byte,
                        workspace_bytes=option.workspace_bytes * byte,
                    )
                    for option in task.options
                ),
            )
            for task in problem.tasks
        ),
        tensors=tuple(
            evolve(
                tensor,
                sizes=tuple(evolve(size, bytes=size.bytes * byte) for size in tensor.sizes),
                transfers=tuple(evolve(m, duration=m.duration * ns) for m in tensor.transfers),
                exports=tuple(evolve(e, duration=e.duration * ns) for e in tensor.exports),
            )
            for tensor in problem.tensors
        ),
        spaces=tuple(
            evolve(space, capacity=None if space.capacity is None else space.capacity * byte)
            for space in problem.spaces
        ),
        entries=tuple(evolve(entry, duration=entry.duration * ns) for entry in problem.entries),
        limits=tuple(evolve(one, most=one.most * factor[one.measure]) for one in problem.limits),
    )


@pytest.mark.parametrize("seed", range(12))
def test_large_numbers_change_nothing_but_the_unit(seed):
    """With sizes near 10⁹ CP-SAT stated a bound above the optimum; nor is it any slower."""
    objective = (Measure.MEMORY, Measure.LATENCY)[seed % 2]
    problem = make_problem(
        75 + seed, tasks=5, options=3, limited=True, exports=True, objective=objective,
        limits=seed % 3 == 0, contiguous=seed % 4 == 0,
    )  # fmt: skip
    plain = cpsat_latency.solve(problem)
    large = cpsat_latency.solve(in_other_units(problem, 10**9, 10**9))
    assert plain.status is large.status
    if plain.objective is not None:
        assert large.objective == plain.objective * 10**9


@pytest.mark.skipif(not LATENCY.exists(), reason=f"no {LATENCY}; set BNNPLAN_DATA")
def test_bert24_under_the_rules_of_its_authors():
    """92.406 ms on accelerators, and three of them are needed: two cuts of 3.90625 ms."""
    sys.path.insert(0, str(CONVERTERS))
    try:
        specification = importlib.util.spec_from_file_location(
            "dnn_partitioning", CONVERTERS / "dnn_partitioning.py"
        )
        converter = importlib.util.module_from_spec(specification)
        sys.modules["dnn_partitioning"] = converter
        specification.loader.exec_module(converter)
    finally:
        sys.path.remove(str(CONVERTERS))
    workload = converter.read(LATENCY / "bert24_inference.json")
    problem = converter.problem(workload, Measure.LATENCY)
    result = cpsat_latency.solve(problem, time_limit=60.0, workers=2)
    assert (result.status, result.objective) == (Status.OPTIMAL, 100_218_500)
