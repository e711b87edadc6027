"""Workloads of dnn-partitioning: the problems mean what the authors' rules say."""

import json
import os
import random
from pathlib import Path

import pytest
from bench_path import CONVERT, on_path
from dnn_rules import is_plan, largest_load, latency

from bnnplan.models.errors import FileError
from bnnplan.planner.problem import Measure, named_choice
from bnnplan.planner.solvers import Status, solve
from bnnplan.planner.solvers.checking.checker import check, measures
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph

on_path(CONVERT)

from dnn_partitioning import NS_PER_UNIT, Node, Workload, problem, read  # noqa: E402
from dnn_splits import blocks, choice, equal_parts, expert, greedy  # noqa: E402

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILES = DATA / "planner" / "dnn-partitioning"
OPTIMA = {
    "bert24": "17.790",
    "gnmt": "32.911",
    "resnet50": "33.775",
    "bert_l-3": "27.919",
    "bert_l-6": "29.580",
}
"""What the authors' dynamic program finds, in milliseconds."""
SMALL = {
    "maxSizePerFPGA": 100.5,
    "maxFPGAs": 1,
    "maxCPUs": 1,
    "nodes": [
        {"id": 7, "supportedOnFpga": 1, "cpuLatency": 5.5, "fpgaLatency": 1, "isBackwardNode": 0},
        {"id": 3, "supportedOnFpga": False, "cpuLatency": 2, "size": 0.5, "colorClass": 4},
    ],
    "edges": [{"sourceId": 7, "destId": 3, "cost": 0.25}],
}


def real(kind, name):
    path = FILES / kind / f"{name}_inference.json"
    if not path.exists():
        pytest.skip(f"no {path}; set BNNPLAN_DATA")
    return read(path)


def drawn(seed, most=7):
    """A small workload with all that there is: colours, memory, unsupported and idle nodes."""
    chance = random.Random(seed)
    count = chance.randint(1, most)
    nodes = tuple(
        Node(
            10 * index,
            float(chance.randint(0, 9)),
            float(chance.randint(0, 4)) if chance.random() < 0.9 else None,
            chance.randint(0, 5),
            chance.randint(0, 2 * count) if chance.random() < 0.5 else None,
        )
        for index in range(count)
    )
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    edges = tuple((10 * a, 10 * b) for a, b in pairs if chance.random() < 0.4)
    costs = {source: float(chance.randint(0, 3)) for source, _ in edges}
    capacity = chance.randint(0, 5 * count)
    return Workload("drawn", nodes, edges, costs, chance.randint(1, 3), 2, capacity)


@pytest.mark.parametrize("seed", range(60))
def test_splits_are_worth_what_the_authors_rules_say(seed):
    workload = drawn(seed)
    chance = random.Random(seed)
    pipeline = problem(workload, Measure.PERIOD, ns_per_unit=1)
    single = problem(workload, Measure.LATENCY, ns_per_unit=1)
    for made, cpus_too, value in (
        (pipeline, True, largest_load),
        (single, False, latency),
    ):
        for _ in range(8):
            split = {int(task.name): chance.choice(task.options).device for task in made.tasks}
            few = chance.sample(sorted(set(split.values())), min(2, len(set(split.values()))))
            if chance.random() < 0.5:
                split = {
                    node: machine if machine in few else few[0] for node, machine in split.items()
                }
            if any(
                split[node.id] not in [option.device for option in task.options]
                for node, task in zip(workload.nodes, made.tasks, strict=True)
            ):
                continue
            chosen = named_choice(made, {str(node): one for node, one in split.items()})
            found = solution_of(Graph(made), chosen)
            if is_plan(workload, split, cpus_too):
                assert found is not None
                assert check(made, found) == []
                assert measures(made, found)[made.objectives[0]] == value(workload, split)
                assert found.objective == value(workload, split)
            else:
                assert found is None or check(made, found)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("objective", [Measure.PERIOD, Measure.LATENCY])
def test_the_best_plan_is_the_best_split(seed, objective):
    workload = drawn(seed + 1000, most=5)
    made = problem(workload, objective, ns_per_unit=1)
    pipeline = objective is Measure.PERIOD
    value = largest_load if pipeline else latency
    best = min(
        (
            value(workload, split)
            for split in all_splits(made)
            if is_plan(workload, split, pipeline)
        ),
        default=None,
    )
    result = solve(made, "exhaustive")
    assert (result.status is Status.INFEASIBLE) == (best is None)
    assert result.objective == best


def test_random_splits_are_plans_and_others():
    for objective in (Measure.PERIOD, Measure.LATENCY):
        found = set()
        for seed in range(1000, 1020):
            workload = drawn(seed, most=5)
            made = problem(workload, objective, ns_per_unit=1)
            splits = all_splits(made)
            plans = sum(is_plan(workload, s, objective is Measure.PERIOD) for s in splits)
            found.add((plans > 0, plans < len(splits)))
        assert (True, True) in found


def all_splits(made):
    splits = [{}]
    for task in made.tasks:
        splits = [{**s, int(task.name): one.device} for s in splits for one in task.options]
    return splits


def test_a_file_says_what_it_means(tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    workload = read(path)
    assert workload == Workload(
        "small",
        (Node(7, 5.5, 1.0, 0, None), Node(3, 2.0, None, 1, 4)),
        ((7, 3),),
        {7: 0.25},
        1,
        1,
        100,
    )
    made = problem(workload, Measure.PERIOD)
    first, second = made.tasks
    assert [option.device for option in first.options] == ["cpu1", "accelerator1"]
    assert [option.duration for option in first.options] == [5_500_000, 1_000_000]
    assert [option.device for option in second.options] == ["cpu1"]
    assert all(device.contiguous for device in made.devices)
    (device,) = (d for d in problem(workload, Measure.LATENCY).devices if "cpu" in d.name)
    assert not device.resources
    assert not device.contiguous
    free = problem(workload, Measure.LATENCY, contiguous=False)
    assert not any(device.contiguous for device in free.devices)


def changed(path, **fields):
    content = json.loads(json.dumps(SMALL))
    for name, value in fields.items():
        where, _, field = name.rpartition("__")
        (content[where][0] if where else content)[field] = value
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"nodes__cpuLatency": -1}, "nodes[0].cpuLatency: must be a number of at least 0, not -1"),
        ({"nodes__fpgaLatency": "1"}, "nodes[0].fpgaLatency: must be a number"),
        ({"nodes__cpuLatency": float("nan")}, "nodes[0].cpuLatency: must be a number"),
        ({"nodes__id": 3}, "nodes: id 3 is used 2 times"),
        ({"nodes__id": 1.5}, "nodes[0].id: must be a whole number, not 1.5"),
        ({"nodes__supportedOnFpga": 2}, "nodes[0].supportedOnFpga: must be true, false, 0 or 1"),
        ({"nodes__isBackwardNode": 1}, "nodes[0].isBackwardNode: training workloads have no form"),
        ({"edges__destId": 9}, "edges[0].destId: there is no node 9"),
        ({"edges": [{"sourceId": 7, "destId": 3}]}, "edges[0].cost: missing"),
        ({"edges": 4}, "edges: must be a list of objects"),
        ({"maxFPGAs": "many"}, ".maxFPGAs: must be a whole number"),
        ({"maxFPGAs": 0, "maxCPUs": 0}, "there must be at least one device"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, fields, message):
    path = changed(tmp_path / "small.json", **fields)
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_edges_of_a_node_carry_one_tensor(tmp_path):
    twice = [*SMALL["edges"], {"sourceId": 7, "destId": 7, "cost": 0.5}]
    with pytest.raises(FileError, match=r"edges\[1\].cost: 0.5, but another edge from node 7"):
        read(changed(tmp_path / "small.json", edges=twice))


@pytest.mark.parametrize("seed", range(40))
def test_splits_by_hand_keep_the_rules(seed):
    workload = drawn(seed + 2000)
    for made in (greedy(workload), equal_parts(workload)):
        split = {node: f"accelerator{one}" if one else "cpu" for node, one in made.items()}
        assert set(split) == {node.id for node in workload.nodes}
        assert max(made.values()) <= workload.accelerators
        assert is_plan(workload, split, False)
    order = [node.id for block in blocks(workload) for node in block]
    assert sorted(order) == sorted(node.id for node in workload.nodes)


def test_greedy_fills_and_hands_split():
    nodes = tuple(Node(index, 9.0, 1.0, 1, None) for index in range(6))
    edges = tuple((index, index + 1) for index in range(5))
    workload = Workload("six", nodes, edges, dict.fromkeys(range(5), 1.0), 3, 1, 4)
    assert list(greedy(workload).values()) == [1, 1, 1, 1, 2, 2]
    assert list(equal_parts(workload).values()) == [1, 1, 2, 2, 3, 3]
    made = problem(workload, Measure.LATENCY)
    assert solution_of(Graph(made), choice(made, greedy(workload))).objective == (
        8 * NS_PER_UNIT  # four nodes and a store, a load and two nodes
    )


def test_human_splits_do_not_fit_where_memory_is_scarce():
    for name in ("bert24", "resnet50"):
        assert expert(real("latency", name)) is None
        split = expert(real("throughput", name))
        assert max(split.values()) == 6


def test_a_human_split_is_worth_its_largest_load():
    workload = real("throughput", "bert24")
    split = {node: f"accelerator{one}" for node, one in expert(workload).items()}
    made = problem(workload, Measure.PERIOD)
    solution = solution_of(Graph(made), named_choice(made, {str(n): s for n, s in split.items()}))
    assert solution.objective / NS_PER_UNIT == pytest.approx(
        largest_load(workload, split), abs=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMA)
def test_throughput_instances_are_proven(name):
    workload = real("throughput", name)
    fine = 100 * NS_PER_UNIT
    made = problem(workload, Measure.PERIOD, ns_per_unit=fine)
    result = solve(made, time_limit=120, workers=2)
    assert result.status is Status.OPTIMAL
    split = {
        int(task.name): task.options[index].device
        for task, index in zip(made.tasks, result.solution.choice, strict=True)
    }
    assert is_plan(workload, split, True)
    # With the times of the file, not rounded.
    assert f"{largest_load(workload, split):.3f}" == OPTIMA[name]
    assert f"{result.bound / fine:.3f}" == OPTIMA[name]
