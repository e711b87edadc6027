"""Branching over prices proves no more than is true, and more than prices alone."""

import math
import time

import pytest
from hypothesis import assume, given, settings
from random_problems import problems

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
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.prices.branching import Branching
from bnnplan.planner.solvers.prices.pricing import Pricing
from bnnplan.planner.solvers.structure import Graph

MOST_STEPS = 200


def branching(problem):
    graph = Graph(problem)
    pricing = Pricing(graph, undominated(graph), None)
    root = pricing.result(later()).root
    return None if root is None else Branching(graph, pricing, root)


def later():
    return time.perf_counter() + 120


def stepped(tree, most, steps=MOST_STEPS):
    for _ in range(steps):
        if not tree.open:
            break
        yield tree.bound
        tree.step(most, later())
    yield tree.bound


@settings(max_examples=60, deadline=None)
@given(problems(limited=True, devices="shared", tasks=5))
def test_bounds_never_exceed_the_optimum(problem):
    assume(Graph(problem).capacity)
    exact = exhaustive.solve(problem).objective
    tree = branching(problem)
    if tree is None:
        assert exact is None
        return
    before = 0.0
    for bound in stepped(tree, math.inf):
        assert bound >= before
        assert exact is None or bound <= exact
        before = bound


@settings(max_examples=30, deadline=None)
@given(problems(limited=True, devices="shared", tasks=5))
def test_only_what_is_better_than_the_plan_is_looked_for(problem):
    assume(Graph(problem).capacity)
    exact = exhaustive.solve(problem).objective
    tree = branching(problem)
    assume(exact is not None and tree is not None)
    for bound in stepped(tree, exact + 1):
        assert bound <= exact
    for bound in stepped(branching(problem), exact):
        assert min(bound, exact) <= exact


def line(tasks, capacity, transfer):
    """A chain on a fast and a slow device that share a core, each with room for some weights."""
    ports = (Port("pa", "sa"), Port("pb", "sb"))
    moves = (("pa", "pb"), ("pb", "pa"))
    core = frozenset({"core"})

    def option(device, duration, reads, feeds):
        port = (f"p{device}",)
        return Option(
            name=device, device=device, duration=duration, input_ports=port * reads,
            output_ports=port * feeds, space=f"s{device}", weight_bytes=10,
        )  # fmt: skip

    return Problem(
        name="line",
        tasks=tuple(
            Task(
                f"t{number}",
                tuple(
                    option(device, duration, int(number > 0), int(number < tasks - 1))
                    for device, duration in (("a", 10), ("b", 20))
                ),
            )
            for number in range(tasks)
        ),
        tensors=tuple(
            Tensor(
                f"x{number}",
                f"t{number}",
                0,
                tuple(TensorSize(port.name, 0) for port in ports),
                tuple(Transfer(a, b, transfer, core) for a, b in moves),
            )
            for number in range(tasks - 1)
        ),
        edges=tuple(Edge(f"x{number}", f"t{number + 1}") for number in range(tasks - 1)),
        devices=(Device("a", core), Device("b", core)),
        spaces=(Space("sa", capacity), Space("sb", capacity)),
        ports=ports,
    )


@pytest.mark.parametrize("transfer", [30, 100])
def test_borders_between_regions_are_paid_for(transfer):
    problem = line(8, 50, transfer)
    exact = exhaustive.solve(problem).objective
    assert exact == 5 * 10 + 3 * 20 + transfer
    # A mixture of all on one and all on the other device, which crosses no border.
    bounds = list(stepped(branching(problem), exact))
    assert bounds[0] == pytest.approx(5 * 10 + 3 * 20, abs=1)
    assert min(bounds[-1], exact) == exact
