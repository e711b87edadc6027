"""Frames a second of plans for throughput, against one core and against one program on all cores.

Each network is profiled, also under load, and planned as `bnnplan solve --objective throughput`
does on this machine's cores. The plan, the best plan on one core, and the best program on all cores
run as pipelines, in turns. What was predicted and simulated is told beside what was measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import attrs
from bench import Result, spread

from bnnplan.models.graph import Network
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import detect_board
from bnnplan.planner.cores import cores_of, on_devices, part_of
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import MeasuredPipeline, Plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import PlacementCost, Profile
from bnnplan.planner.profiling import Options, profile_network, profile_under_load
from bnnplan.planner.request import Request
from bnnplan.planner.simulation.options import SimulationOptions
from bnnplan.planner.simulation.simulating import simulate
from bnnplan.planner.trials.exactness import Reference
from bnnplan.planner.trials.trial import TrialOptions
from bnnplan.planner.trials.turns import run_in_turns, together
from bnnplan.planner.verification import solve_on_board

NETWORKS = ("hep-cifar", "btc-resnet18", "fashion", "btc-resnet14-cifar")
QUICK = ("hep-cifar",)
DEVICE = "cpu0"
PLAN, ONE_CORE, ALL_CORES = "plan", "one core", "one program on all cores"
THROUGHPUT = Request(objectives=(Measure.PERIOD,))
SECOND = 1e9
"""In nanoseconds."""


def throughputs(quick: bool) -> list[Result]:
    """Rows of all networks."""
    board = detect_board().board.only([DEVICE])
    cores = cores_of(board.devices[0])
    if len(cores) < 2:
        return [Result("throughput", 1, 0.0, "frames/s", "none: there is one core only")]
    rows = []
    for name in QUICK if quick else NETWORKS:
        network = lower(open_network(name))
        profile = profile_network(network, board, options=Options(budget=5 if quick else 40))
        profile = profile_under_load(network, profile, budget=2 if quick else 20)
        rows += _rows(name, network, profile, quick)
    return rows


def _rows(name: str, network: Network, profile: Profile, quick: bool) -> list[Result]:
    trial = TrialOptions(budget=4 if quick else 30)
    plan, corrected = solve_on_board(network, profile, request=THROUGHPUT, source=name, trial=trial)
    (device,) = profile.board.devices
    cores = cores_of(device)
    plans = {
        PLAN: plan,
        ONE_CORE: _planned(network, on_devices(profile, [part_of(device, cores[:1])]), name),
        ALL_CORES: _on_all(network, profile, name),
    }
    test = Reference(Workbench(network, profile.board), 0)
    turns = run_in_turns(plans, network, test, seconds=3 if quick else 20)
    rates = {key: [SECOND / one.period.median for one in mine] for key, mine in turns.items()}
    threads = len(cores)
    rows = [_rate(name, threads, rates, peer) for peer in (ONE_CORE, ALL_CORES)]
    measured = together(turns[PLAN])
    ran = attrs.evolve(plan, pipeline=measured)
    return rows + _predicted(name, threads, ran, network, corrected, turns[PLAN])


def _planned(network: Network, profile: Profile, source: str) -> Plan:
    return find_plan(network, profile, request=THROUGHPUT, source=source)


def _on_all(network: Network, profile: Profile, source: str) -> Plan:
    """All layers on all cores as one program, in their best configurations for that."""
    (device,) = profile.board.devices
    pins = {node.name: device.name for node in network.nodes}
    layers = {
        name: attrs.evolve(costs, placements=_widest(costs.placements))
        for name, costs in profile.layers.items()
    }
    whole = attrs.evolve(profile, layers=layers)
    return find_plan(network, whole, request=Request(pins=pins), source=source)


def _widest(placements: Sequence[PlacementCost]) -> list[PlacementCost]:
    most = max(cost.configuration.threads for cost in placements)
    return [cost for cost in placements if cost.configuration.threads == most]


def _rate(name: str, threads: int, rates: Mapping[str, list[float]], peer: str) -> Result:
    ours, theirs = rates[PLAN], rates[peer]
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Result(
        f"{name} throughput against {peer}",
        threads,
        statistics.median(ours),
        "frames/s",
        peer,
        statistics.median(theirs),
        statistics.median(pairs),
        spread(ours),
        len(ours),
    )


def _predicted(
    name: str,
    threads: int,
    plan: Plan,
    network: Network,
    profile: Profile,
    turns: Sequence[MeasuredPipeline],
) -> list[Result]:
    """What was predicted of the period, and what is simulated, by what was measured."""
    assert plan.pipeline is not None
    period, latency = plan.pipeline.period.median, plan.pipeline.latency_p50_ns
    still = simulate(plan, network, profile, SimulationOptions(frames=5000))
    jitter = spread([one.period.median for one in turns])
    figures = {
        "period predicted": (plan.predicted.period_ns or 0, period),
        "period simulated": (still.period_ns, period),
        "latency simulated": (still.latency.p50_ns, latency),
    }
    return [
        Result(f"{name} {what}", threads, mine / 1e3, "µs", "measured", real / 1e3,
               mine / max(real, 1), jitter, len(turns))
        for what, (mine, real) in figures.items()
    ]  # fmt: skip
