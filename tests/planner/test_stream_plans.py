"""Plans for throughput: streams on devices of their own, what they are compared with, and files."""

import io
import itertools
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import attrs
import pytest
from clusters import cluster, gpu, made_up, scaled
from enumerated import Enumerated, line
from rich.console import Console

from bnnplan.backends.interface import MemorySpace
from bnnplan.models.errors import BnnplanError
from bnnplan.planner.cli.common import open_lowered
from bnnplan.planner.cores import cores_of, on_devices, part_of
from bnnplan.planner.difference import compare_plans
from bnnplan.planner.explanation.overview import explain_plan
from bnnplan.planner.explanation.situation import situate
from bnnplan.planner.plan import InfeasibleError
from bnnplan.planner.plan_errors import StoppedError
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import LaunchCost, save_profile
from bnnplan.planner.report.difference_text import difference_text
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.request import Request, RequestError
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.streams import search as streams
from bnnplan.planner.streams.baselines import REPLICAS, SINGLE_CLUSTER, SINGLE_CORE

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "convert"))

from hep_bnn import best_batch, read

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
RECORDED = DATA / "planner" / "hep-bnn" / "server_results"
PERIOD = Request(objectives=[Measure.PERIOD])
BIG_LITTLE = [cluster("big", 0, 4), cluster("little", 4, 4)]


def planned(profile, network, request=PERIOD, **more):
    return find_plan(network, profile, request=request, source="here", options=SolveOptions(**more))


def resources(plan, stream):
    used = [plan.board.device(row.device).resources for row in stream.layers]
    return frozenset().union(*used)


def test_streams_of_a_plan_share_no_resource():
    network = line(4)
    profile = scaled(network, [*BIG_LITTLE, gpu()], seed=3, launch=5000, transfer=2000)
    plan = planned(profile, network)
    found = plan.streams
    assert len(found) > 2
    used = [resources(plan, stream) for stream in found]
    assert sum(map(len, used)) == len(frozenset().union(*used))
    rate = sum(Fraction(1, stream.period_ns) for stream in found)
    assert plan.predicted.period_ns == -(-rate.denominator // rate.numerator)
    assert plan.predicted.latency_ns == max(stream.latency_ns for stream in found)
    assert [s.period_ns for s in found] == sorted(s.period_ns for s in found)
    assert all({row.name for row in s.layers} == {n.name for n in network.nodes} for s in found)


def test_equal_cores_have_equal_streams():
    network = line(3)
    profile = made_up(network, [cluster("cpu0", 0, 4)], lambda _, __, threads: 60 // threads + 5)
    plan = planned(profile, network)
    assert [{row.device for row in stream.layers} for stream in plan.streams] == [
        {f"cpu0:{core}"} for core in range(4)
    ]
    assert plan.proof.status == "optimal"
    assert plan.predicted.period_ns == -(-3 * 65 // 4)


def test_a_team_is_best_where_it_is_faster_than_its_cores():
    """As where one core's cache is too small, and two cores' are not."""
    network = line(3)
    profile = made_up(network, [cluster("cpu0", 0, 2)], lambda _, __, threads: 70 - 30 * threads)
    plan = planned(profile, network)
    assert [row.device for row in plan.layers] == ["cpu0"] * 3
    assert not plan.replicas
    assert plan.predicted.period_ns == 30


@pytest.mark.parametrize("seed", range(2))
def test_no_baseline_is_better_on_modelled_clusters(seed):
    network = line(6)
    devices = [*BIG_LITTLE, *([gpu()] if seed % 2 else [])]
    plan = planned(scaled(network, devices, seed=seed, launch=5000, transfer=2000), network)
    names = {row.name for row in plan.baselines}
    assert {"Pipe-it", REPLICAS, SINGLE_CLUSTER, SINGLE_CORE, "best single device"} <= names
    for row in plan.baselines:
        assert row.predicted is not None, row.name
        assert row.predicted.period_ns >= plan.predicted.period_ns, row.name
    single = {row.name: row.predicted.period_ns for row in plan.baselines}
    assert single[REPLICAS] <= single["best single device"] <= single[SINGLE_CLUSTER]
    assert single["best single device"] <= single[SINGLE_CORE]


@pytest.mark.skipif(not RECORDED.exists(), reason=f"no {RECORDED}; set BNNPLAN_DATA")
def test_recorded_costs_are_planned_as_well_as_all_sets_show():
    """A core as HEP-BNN measured it, two of them, beside its GPU."""
    run = read(next(iter(sorted(RECORDED.iterdir()))))
    # As many layers as can be enumerated.
    table = run[best_batch(run)][:8]
    network = line(len(table))

    def cost(layer, device, _):
        times = table[layer]
        if device == "gpu0":
            found = [time.total for name, time in times.items() if name != "cpu"]
            return min(found, default=None)
        return times["cpu"].total

    devices = [cluster("cpu0", 0, 2), gpu()]
    profile = made_up(network, devices, cost, threads=[1])
    plan = planned(profile, network)
    launches = {(name, count): 0 for name in ("cpu0", "gpu0") for count in (1, 2)}

    def one_thread(layer, device, threads):
        return cost(layer, device, threads) if threads == 1 else None

    every = Enumerated(network, devices, one_thread, launches, 0, PERIOD)
    rate, _ = every.best()
    assert plan.predicted.period_ns == -(-rate.denominator // rate.numerator)
    assert all(row.predicted.period_ns >= plan.predicted.period_ns for row in plan.baselines)


def test_a_plan_with_streams_is_kept_in_a_file(tmp_path):
    network = line(4)
    plan = planned(scaled(network, BIG_LITTLE, seed=1), network)
    assert plan.replicas
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def test_the_board_of_a_plan_has_the_parts_that_it_uses():
    network = line(4)
    profile = scaled(network, BIG_LITTLE, seed=1)
    plan = planned(profile, network)
    named = {device.name for device in plan.board.devices}
    assert {"big", "little"} <= named
    assert {row.device for stream in plan.streams for row in stream.layers} <= named
    for device in plan.board.devices:
        assert device.resources <= plan.board.device(device.name.partition(":")[0]).resources


def test_pins_and_forbidden_devices_mean_parts_or_whole_clusters():
    network = line(3)
    profile = scaled(network, BIG_LITTLE, seed=2)
    plan = planned(profile, network, attrs.evolve(PERIOD, pins={"l1": "big"}))
    assert {s.layers[1].device.partition(":")[0] for s in plan.streams} == {"big"}
    plan = planned(profile, network, attrs.evolve(PERIOD, pins={"l1": "big:2"}))
    assert [stream.layers[1].device for stream in plan.streams] == ["big:2"]
    nowhere = [(node.name, "big") for node in network.nodes]
    plan = planned(profile, network, attrs.evolve(PERIOD, forbidden=nowhere))
    assert all(row.device.startswith("little") for s in plan.streams for row in s.layers)
    core = [(node.name, "big:2") for node in network.nodes]
    plan = planned(profile, network, attrs.evolve(PERIOD, forbidden=core))
    assert "big:2" not in {row.device for s in plan.streams for row in s.layers}
    assert plan.proof.status == "optimal"


def test_wishes_for_what_is_not_there_are_refused():
    network = line(3)
    profile = scaled(network, BIG_LITTLE, seed=2)
    with pytest.raises(RequestError, match=r"no device 'big:4'; did you mean 'big'"):
        planned(profile, network, attrs.evolve(PERIOD, pins={"l1": "big:4"}))
    with pytest.raises(RequestError, match="only plans for throughput use parts"):
        planned(profile, network, Request(pins={"l1": "big:2"}))
    with pytest.raises(RequestError, match="'l1' is pinned to 'big:2' and forbidden there"):
        attrs.evolve(PERIOD, pins={"l1": "big:2"}, forbidden=[("l1", "big")])
    with pytest.raises(InfeasibleError, match="deadline"):
        planned(profile, network, attrs.evolve(PERIOD, limits=[Limit(Measure.LATENCY, 1)]))
    with pytest.raises(InfeasibleError, match="period is to be at most 1 ns"):
        planned(profile, network, attrs.evolve(PERIOD, limits=[Limit(Measure.PERIOD, 1)]))


def test_the_reason_for_no_plan_is_the_least_of_all_lineups():
    """What is proven of a slow device alone is not proven of the cores that it shares."""
    network = line(3)
    shared = attrs.evolve(gpu(), resources=["core:0", "core:1"])
    devices = [cluster("cpu0", 0, 2), shared]
    profile = made_up(network, devices, lambda _, name, t: 900 if name == "gpu0" else 100 // t)
    with pytest.raises(InfeasibleError, match=r"below the proven minimum 150 ns$"):
        planned(profile, network, attrs.evolve(PERIOD, limits=[Limit(Measure.LATENCY, 149)]))
    at_least = planned(profile, network, attrs.evolve(PERIOD, limits=[Limit(Measure.LATENCY, 150)]))
    assert at_least.predicted.latency_ns == 150


@pytest.mark.parametrize(
    ("capacity", "count", "period"),
    [(10_000, 4, 49), (1172, 4, 49), (1171, 2, 49), (1036, 2, 49), (1035, 1, 60)],
)
def test_streams_fit_in_memory_together(capacity, count, period):
    """All hold the weights together, and 68 bytes each; two are as fast with stages, one is not."""
    network = line(3)
    devices = [attrs.evolve(cluster("cpu0", 0, 4), space=MemorySpace("host", capacity))]
    profile = made_up(network, devices, lambda _, __, threads: 60 // threads + 5, weights=300)
    plan = planned(profile, network)
    (memory,) = plan.memory
    assert len(plan.streams) == count
    assert memory.weight_bytes == 3 * 300
    assert memory.allocated_bytes <= capacity
    assert plan.predicted.period_ns == period
    assert plan.proof.bound == 49
    assert plan.proof.status == ("optimal" if period == 49 else "feasible")
    assert ("memory limits the streams" in plan.proof.message) == (period > 49)
    for row in plan.baselines:
        assert row.predicted.period_ns >= period, row.name


def test_a_board_may_be_of_some_cores_of_a_cluster_alone():
    network = line(4)
    profile = scaled(network, [cluster("cpu", 0, 4)], seed=3, launch=5000, transfer=2000)
    (device,) = profile.board.devices
    core = part_of(device, cores_of(device)[2:3])
    plan = planned(on_devices(profile, [core]), network)
    assert {row.device for stream in plan.streams for row in stream.layers} == {core.name}


def test_clusters_share_no_weights():
    network = line(3)
    pair = [cluster("left", 0, 2), cluster("right", 2, 2)]
    profile = made_up(network, pair, lambda _, __, threads: 60 // threads + 5, weights=300)
    plan = planned(profile, network)
    assert len(plan.streams) == 4
    (memory,) = plan.memory
    assert memory.weight_bytes == 2 * 3 * 300


def test_other_configurations_share_no_weights():
    """The fastest streams are one of two threads and one of one."""
    network = line(3)
    times = {1: 60, 2: 25, 3: 25}
    profile = made_up(
        network, [cluster("cpu0", 0, 3)], lambda _, __, threads: times[threads], weights=300
    )
    plan = planned(profile, network)
    threads = [{row.configuration.threads for row in stream.layers} for stream in plan.streams]
    assert threads == [{2}, {1}]
    (memory,) = plan.memory
    assert memory.weight_bytes == 2 * 3 * 300


@pytest.mark.parametrize(
    ("most", "count", "period"), [(964, 4, 49), (963, 2, 49), (939, 2, 53), (931, 1, 60)]
)
def test_a_limit_on_all_memory_is_one_on_all_streams(most, count, period):
    network = line(3)
    profile = made_up(
        network, [cluster("cpu0", 0, 4)], lambda _, __, threads: 60 // threads + 5, weights=300
    )
    request = attrs.evolve(PERIOD, limits=[Limit(Measure.MEMORY, most)])
    plan = planned(profile, network, request)
    assert len(plan.streams) == count
    assert plan.predicted.memory_bytes <= most
    assert plan.predicted.period_ns == period
    assert plan.proof.status == ("optimal" if period == 49 else "feasible")


def test_memory_that_is_too_small_for_one_stream_is_too_small():
    network = line(3)
    devices = [attrs.evolve(cluster("cpu0", 0, 2), space=MemorySpace("host", 800))]
    profile = made_up(network, devices, lambda *_: 5, weights=300)
    with pytest.raises(InfeasibleError, match="the smallest weights need 900 B"):
        planned(profile, network)


def test_stopping_the_search_gives_the_best_streams_so_far(monkeypatch):
    network = line(4)
    profile = scaled(network, BIG_LITTLE, seed=1, launch=5000, transfer=2000)
    whole = planned(profile, network)
    asked = itertools.chain([False] * 9, itertools.repeat(True))
    monkeypatch.setattr(streams, "is_asked", lambda: next(asked))
    plan = planned(profile, network)
    assert plan.proof.status == "feasible"
    assert "interrupted: best plan so far, gap" in plan.proof.message
    assert plan.proof.bound <= whole.proof.value <= plan.proof.value
    monkeypatch.setattr(streams, "is_asked", lambda: True)
    with pytest.raises(StoppedError, match="interrupted before a plan was found"):
        planned(profile, network)


def test_time_that_is_over_leaves_a_bound():
    network = line(12)
    profile = scaled(network, [*BIG_LITTLE, gpu()], seed=1, launch=5000, transfer=2000)
    plan = planned(profile, network, time_limit=0.3)
    assert plan.proof.bound <= plan.proof.value


@pytest.mark.parametrize("time_limit", [0.001, 0.05])
def test_no_baseline_is_better_however_little_time_there_is(time_limit):
    network = line(12)
    profile = scaled(network, [*BIG_LITTLE, gpu()], seed=1, launch=5000, transfer=2000)
    plan = planned(profile, network, time_limit=time_limit)
    assert plan.proof.bound <= plan.proof.value
    for row in plan.baselines:
        if row.predicted is not None:
            assert row.predicted.period_ns >= plan.predicted.period_ns, row.name


def test_the_best_batch_is_the_one_of_most_images_a_second():
    network = line(3)
    one = made_up(network, [cluster("cpu0", 0, 2)], lambda *_: 100)
    four = attrs.evolve(made_up(network, [cluster("cpu0", 0, 2)], lambda *_: 300), batch=4)
    plan = planned([one, four], network)
    assert plan.batch == 4
    assert [row.batch for row in plan.batches] == [1, 4]
    assert plan.predicted.period_ns == 450


def test_a_server_of_64_cores_is_planned_and_proven():
    network = line(5)
    profile = scaled(
        network, [cluster("cpu0", 0, 64)], threads=(1, 2, 4, 8, 16, 32, 64), launch=2000
    )
    plan = planned(profile, network)
    assert len(plan.streams) == 64
    assert plan.proof.status == "optimal"


def test_devices_on_the_same_cores_share_them_in_one_stream():
    """What runs float layers on the processor is no part of a cluster, but lies on its cores."""
    network = line(3)
    devices = [
        cluster("cpu0", 0, 2),
        attrs.evolve(cluster("float0", 0, 2), backend="onnxruntime"),
    ]

    def cost(layer, device, threads):
        return (100 if layer == 1 else None) if device == "float0" else (None if layer == 1 else 20)

    plan = planned(made_up(network, devices, cost), network)
    assert [row.device for row in plan.layers][1] == "float0"
    assert not plan.replicas
    # One core for each of the others would wait for both where the float layer runs.
    assert plan.predicted.period_ns == 120


def test_small_teams_of_other_devices_are_started_for_less():
    """The launch of all their threads is more than these gain."""
    network = line(3)
    devices = [attrs.evolve(cluster("float0", 0, 4), backend="onnxruntime")]
    profile = made_up(network, devices, lambda _, __, threads: 100 - threads)
    launches = [LaunchCost("float0", 1, 0), LaunchCost("float0", 4, 500)]
    plan = planned(attrs.evolve(profile, launches=launches), network)
    assert {row.configuration.threads for row in plan.layers} == {1}
    assert plan.predicted.period_ns == plan.proof.bound == 3 * 99


def test_a_part_of_any_size_can_be_asked_for():
    network = line(3)
    profile = made_up(
        network,
        [cluster("cpu0", 0, 8)],
        lambda _, __, threads: 600 // threads,
        threads=range(1, 9),
    )
    plan = planned(profile, network, attrs.evolve(PERIOD, pins={"l1": "cpu0:0-4"}))
    assert plan.layers[1].device == "cpu0:0-4"
    assert plan.layers[1].configuration.threads == 5


def test_after_the_second_objective_nothing_is_claimed():
    """Streams that are best each alone need not be best together."""
    network = line(2)
    devices = [cluster("cpu0", 0, 2, power_watts=4.0)]
    profile = made_up(network, devices, lambda _, __, threads: 60 // threads + 5)
    objectives = [Measure.PERIOD, Measure.LATENCY, Measure.ENERGY]
    plan = planned(profile, network, Request(objectives=objectives))
    period, latency, energy = plan.proof.objectives
    assert (period.bound, latency.bound) == (period.value, latency.value)
    assert energy.bound is None


def test_the_cluster_that_streams_are_compared_with_uses_all_of_its_cores():
    network = line(3)
    profile = made_up(network, [cluster("cpu0", 0, 2)], lambda _, __, threads: 50 + 5 * threads)
    plan = planned(profile, network)
    row = next(row for row in plan.baselines if row.name == SINGLE_CLUSTER)
    assert {how.threads for _, how in row.placements.values()} == {2}
    assert row.predicted.period_ns == 180


def _replica(document):
    return document["replicas"][0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: _replica(d)["layers"][0].update(device="cpu0:0"), "both use 'core:0'"),
        (lambda d: _replica(d)["layers"][0].update(device="cpu0"), "both use 'core:0'"),
        (lambda d: _replica(d)["layers"][0].update(device="gpu7"), "no device 'gpu7'"),
        (lambda d: _replica(d)["layers"][0].update(name="l2"), "placed twice in stream 1"),
        (lambda d: _replica(d)["layers"][0].update(name="l9"), "place layer 'l0' in stream 1"),
        (lambda d: _replica(d)["layers"].reverse(), "in stream 1 before what it reads"),
        (lambda d: _replica(d)["layers"][0].update(stage=5), "stage before that of"),
        (lambda d: _replica(d)["transfers"][0].update(tensor="t9"), "'t9' in stream 1"),
        (lambda d: d["request"].update(objectives=["latency"]), "not asked for"),
    ],
)
def test_streams_of_a_file_that_cannot_be_are_refused(tmp_path, change, told):
    network = line(3)
    profile = made_up(network, [cluster("cpu0", 0, 2)], lambda *_: 60)
    path = tmp_path / "plan.json"
    save_plan(planned(profile, network), path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BnnplanError, match=told) as error:
        load_plan(path).require(network)
    assert "\n" not in str(error.value)


def test_texts_name_streams_stages_and_rates():
    network = line(4)
    plan = planned(scaled(network, BIG_LITTLE, seed=1), network)
    console = Console(width=200, record=True, file=io.StringIO())
    print_plan(plan, console)
    text = console.export_text()
    assert f"{len(plan.streams)} streams on " in text
    assert f"pipeline: {len(plan.streams)} streams, together a batch every" in text
    assert all(row.device in text for stream in plan.streams for row in stream.layers)
    assert "stage 0:" in text


def test_plans_with_streams_are_compared_and_explained():
    network = line(4)
    profile = scaled(network, BIG_LITTLE, seed=1)
    plan = planned(profile, network)
    other = planned(profile, network, attrs.evolve(PERIOD, pins={"l1": "big"}))
    lines = [part for part in difference_text(compare_plans(plan, other)) if isinstance(part, str)]
    assert any(part.startswith("streams: ") for part in lines)
    found = explain_plan(situate(network, plan, profile), time_limit=60.0)
    assert found.value == found.stated == plan.streams[0].period_ns
    used = {row.device for row in plan.layers}
    assert {place.layer.device for place in found.places} == used


def test_throughput_is_planned_on_the_command_line(tmp_path, net, bnnplan):
    profile, plan, other = (tmp_path / f"{name}.json" for name in ("profile", "plan", "other"))
    network = open_lowered(str(net))
    costs = made_up(network, [cluster("cpu0", 0, 4)], lambda _, __, threads: 60 // threads + 5)
    save_profile(costs, profile)
    asked = ("solve", net, "--objective", "throughput", "--profile", profile, "--no-run")
    code, out, err = bnnplan(*asked, "-o", plan)
    assert code == 0, err
    assert "4 streams on cpu0:0, cpu0:1, cpu0:2, cpu0:3" in out
    assert "4 equal streams on cpu0:0 and cpu0:1 and cpu0:2 and cpu0:3: each a batch every" in out
    pinned = f"{network.nodes[1].name}=cpu0:1"
    assert bnnplan(*asked, "--pin", pinned, "-o", other)[0] == 0
    code, out, _ = bnnplan("explain", plan, "--profile", profile)
    assert code == 0
    assert "4 streams; all of this is about the fastest one, on cpu0:0" in out
    assert "these are not the costs" not in out
    assert "its stream has no other device" in out
    assert "there is no other device" not in out
    code, out, _ = bnnplan("diff", plan, other)
    assert code == 0
    assert "streams: cpu0:0, cpu0:1, cpu0:2, cpu0:3 → " in out
