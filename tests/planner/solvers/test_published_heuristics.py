"""HEFT, placement by priority, layer switching: what their authors' examples say, and laws."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from random_problems import problems, wishful
from small_problems import BRANCHES

from bnnplan.planner import solvers
from bnnplan.planner.problem import (
    Device,
    Edge,
    Entry,
    Export,
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
from bnnplan.planner.solvers import check, solve
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.heuristics.insertion import earliest_finish
from bnnplan.planner.solvers.presolve import undominated
from bnnplan.planner.solvers.structure import Graph

NAMES = ("heft", "priority", "layer-switching")

# The example of Topcuoglu et al. (2002): ns on three processors, and ns between tasks.
HEFT_DURATIONS = (
    (14, 16, 9), (13, 19, 18), (11, 13, 19), (13, 8, 17), (12, 13, 10),
    (13, 16, 9), (7, 15, 11), (5, 11, 14), (18, 12, 20), (21, 7, 16),
)  # fmt: skip
HEFT_EDGES = {
    (1, 2): 18, (1, 3): 12, (1, 4): 9, (1, 5): 11, (1, 6): 14, (2, 8): 19, (2, 9): 16,
    (3, 7): 23, (4, 8): 27, (4, 9): 23, (5, 9): 13, (6, 8): 15, (7, 10): 17, (8, 10): 11,
    (9, 10): 13,
}  # fmt: skip


def line(durations, edges, *, move_resources=frozenset()):
    """Tasks with an option on each device, whose port is its own; ns of each edge's transfers."""
    count = len(durations[0])
    ports = [f"port{one}" for one in range(count)]
    outputs = {task: [e for e in edges if e[0] == task] for task in range(1, len(durations) + 1)}
    inputs = {task: [e for e in edges if e[1] == task] for task in outputs}
    return Problem(
        name="line",
        tasks=tuple(
            Task(
                f"t{task}",
                tuple(
                    Option(
                        f"on {one}", f"d{one}", duration,
                        (ports[one],) * len(inputs[task]),
                        (ports[one],) * len(outputs[task]),
                        "ram",
                    )
                    for one, duration in enumerate(durations[task - 1])
                    if duration is not None
                ),
            )
            for task in outputs
        ),
        tensors=tuple(
            Tensor(
                f"{a}→{b}", f"t{a}", outputs[a].index((a, b)),
                tuple(TensorSize(port, 1) for port in ports),
                tuple(
                    Transfer(p, q, cost, move_resources) for p in ports for q in ports if p != q
                ),
            )
            for (a, b), cost in edges.items()
        ),
        edges=tuple(Edge(f"{a}→{b}", f"t{b}", inputs[b].index((a, b))) for a, b in edges),
        devices=tuple(Device(f"d{one}", frozenset({f"core{one}"})) for one in range(count)),
        spaces=(Space("ram"),),
        ports=tuple(Port(port, "ram") for port in ports),
    )  # fmt: skip


TEXTBOOK = line(HEFT_DURATIONS, HEFT_EDGES)


def test_heft_gives_the_schedule_of_its_authors():
    result = solve(TEXTBOOK, "heft")
    assert result.objective == 80
    # Tasks by processor, from the figure of the paper.
    assert result.solution.choice == (2, 0, 2, 1, 2, 1, 2, 0, 1, 1)


def test_heft_inserts_a_task_before_what_was_placed_earlier():
    """t3 is urgent, but waits for a long transfer to d1; t4 fits before it, and t2 does not."""
    durations = ((10, None), (10, None), (None, 50), (None, 5))
    problem = line(durations, {(1, 3): 30, (2, 4): 5})
    result = solve(problem, "heft")
    # t1 to 10, its transfer to 40; t2 to 20, its transfer to 25, t4 to 30: all before t3.
    assert result.solution.starts == (0, 10, 40, 25)
    assert result.objective == 90
    graph = Graph(problem)
    assert earliest_finish(graph, undominated(graph))[1] == [0, 1, 3, 2]


def test_heft_counts_transfers_that_share_a_link_exports_and_entries():
    """Two inputs of one task over one link, each exported by the device that made it."""
    problem = line(
        ((10, None, None), (10, None, None), (100, None, 60)),
        {(1, 3): 5, (2, 3): 5},
        move_resources=frozenset({"link"}),
    )
    busy = frozenset({"core0"})
    problem = evolve(
        problem,
        entries=(Entry("d0", "d2", 7),),
        tensors=tuple(evolve(t, exports=(Export("port0", 2, busy),)) for t in problem.tensors),
    )
    result = solve(problem, "heft")
    # The exports wait for t2, which was placed before: to 22 and 24. Then the link is the strait.
    assert result.solution.choice == (0, 0, 1)
    assert result.objective == 22 + 5 + 5 + 7 + 60


def test_priority_gives_each_task_to_the_first_device_that_supports_it():
    problem = line(((9, None), (9, 1), (None, 1), (9, 1)), {(1, 2): 1, (2, 3): 1, (3, 4): 1})
    assert solve(problem, "priority").solution.choice == (0, 0, 0, 0)
    turned = evolve(problem, devices=problem.devices[::-1])
    result = solve(turned, "priority")
    devices = [
        t.options[i].device for t, i in zip(turned.tasks, result.solution.choice, strict=True)
    ]
    assert devices == ["d0", "d1", "d1", "d1"]
    assert result.objective == 9 + 1 + 1 + 1 + 1


@pytest.mark.parametrize(("transfer", "devices"), [(3, "d0 d1 d1 d0"), (4, "d0 d0 d0 d0")])
def test_layers_switch_only_if_the_gain_exceeds_the_overhead(transfer, devices):
    """Two tasks in the middle gain 7 ns together on the other device, 3 or 4 alone."""
    durations = ((10, 30), (10, 7), (10, 6), (10, 30))
    problem = line(durations, {(1, 2): transfer, (2, 3): transfer, (3, 4): transfer})
    result = solve(problem, "layer-switching")
    assert [
        t.options[i].device for t, i in zip(problem.tasks, result.solution.choice, strict=True)
    ] == (devices.split())
    assert result.objective == min(40, 33 + 2 * transfer)


def test_layer_switching_starts_on_the_best_single_device():
    assert (
        solve(BRANCHES, "layer-switching").objective == solve(BRANCHES, "single-device").objective
    )


def test_they_understand_what_baselines_are_asked_for():
    for name in NAMES:
        assert solvers.supports(name) == solvers.supports("greedy")


@settings(max_examples=100, deadline=None)
@given(wishful())
def test_published_heuristics_keep_all_rules_and_are_never_below_the_optimum(problem):
    exact = exhaustive.solve(problem)
    for name in NAMES:
        result = solve(problem, name)
        if result.solution is None:
            assert result.message
            continue
        assert check(problem, result.solution) == []
        assert exact.objective <= result.objective


@settings(max_examples=100, deadline=None)
@given(wishful(pipeline=False, tasks=8, options=4))
def test_layer_switching_is_never_worse_than_the_best_single_device(problem):
    names = ("single-device", "layer-switching")
    reasons = {solvers.refusal(name, problem) for name in names}
    if reasons != {""}:
        assert reasons == {"needs a device with resources"}
        return
    alone, switched = (solve(problem, name) for name in names)
    assert (alone.objective is None) == (switched.objective is None)
    assert alone.objective is None or switched.objective <= alone.objective


@settings(max_examples=100, deadline=None)
@given(problems(tasks=8, options=4, objective=Measure.LATENCY, exports=True))
def test_orders_of_earliest_finish_respect_precedence(problem):
    graph = Graph(problem)
    choice, order = earliest_finish(graph, undominated(graph))
    assert sorted(order) == list(range(len(graph.tasks)))
    place = {task: position for position, task in enumerate(order)}
    assert all(place[link.source] < place[link.target] for link in graph.links)
    assert all(0 <= index < len(t.options) for t, index in zip(graph.tasks, choice, strict=True))
