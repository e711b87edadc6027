"""Measures a plan against its baselines, and against onnxruntime in float32."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from bnnplan.backends.interface import Configuration, Unavailable
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.planner.baselines import GREEDY, SINGLE_DEVICE
from bnnplan.planner.board import Board
from bnnplan.planner.ceilings import measure_ceilings
from bnnplan.planner.execution.measure import Runnable, measure, ratio_interval
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.peers import OnnxRuntimePeer
from bnnplan.planner.plan import Plan, Ratio
from bnnplan.planner.profile import Time
from bnnplan.planner.profiling.oracle import random_feeds
from bnnplan.planner.roofline import Bound, least_time
from bnnplan.planner.trials.delivery import PLAN
from bnnplan.planner.trials.exactness import make_runner

PEER = "onnxruntime float32"


@frozen
class Row:
    """One line of a comparison.

    Parameters
    ----------
    name : str
    predicted_ns : int or None
    time : Time
        Measured, end to end.
    ratio : Ratio
        Of this one's time by the plan's, over paired runs; above 1 where the plan wins.
    """

    name: str
    predicted_ns: int | None
    time: Time
    ratio: Ratio


@frozen
class LayerRow:
    """One layer of the plan.

    Parameters
    ----------
    name, device : str
    configuration : Configuration
    measured_ns : int
        Mean over typical runs.
    least : Bound or None
        The time below which no kernel can be, and the ceiling that it comes from; None where that
        is not known.
    """

    name: str
    device: str
    configuration: Configuration
    measured_ns: int
    least: Bound | None


@frozen
class Comparison:
    """What was measured of a plan and its rivals.

    Parameters
    ----------
    rows : list of Row
    layers : list of LayerRow
        Of the plan, in its order.
    missing : list of str
        What could not be compared, and why.
    unknown : tuple of Unavailable
        Devices whose ceilings are not known, and why.
    """

    rows: list[Row]
    layers: list[LayerRow]
    missing: list[str]
    unknown: tuple[Unavailable, ...]


def compare_plan(
    network: Network, original: Network, plan: Plan, *, seconds: float = 5.0, seed: int = 0
) -> Comparison:
    """Measure in turns the plan, best single device, greedy, every single device, onnxruntime.

    A plan for throughput is compared with all of its baselines, of which each is one stream.

    Parameters
    ----------
    network : Network
        Lowered, as the plan runs it.
    original : Network
        Not lowered, as another engine would get it.
    plan : Plan
    seconds : float
        Time to spend on measuring.
    seed : int
        Of the input images.
    """
    bench = Workbench(network, plan.board, plan.batch)
    runners: dict[str, Runnable] = {PLAN: make_runner(bench, plan)}
    predicted: dict[str, int | None] = {PLAN: plan.predicted_ns}
    assignments = {PLAN: plan.assignment}
    missing = []
    wanted = {SINGLE_DEVICE, GREEDY, *(f"all on {device.name}" for device in plan.board.devices)}
    for baseline in plan.baselines:
        # Of streams there are few, and each has devices of its own.
        if baseline.name not in wanted and not plan.request.is_stream:
            continue
        if not baseline.placements:
            why = baseline.note or "not feasible"
            if baseline.predicted is not None:
                why = "batches are dealt out to several streams"
            missing.append(f"{baseline.name}: {why}")
            continue
        same = next((n for n, a in assignments.items() if a == baseline.placements), None)
        if same is not None:
            missing.append(f"{baseline.name}: it is the same as {same!r}")
            continue
        assignments[baseline.name] = dict(baseline.placements)
        runners[baseline.name] = Runner(bench, baseline.placements)
        predicted[baseline.name] = baseline.predicted_ns
    arrays = check_feeds(network, random_feeds(network, plan.batch, seed), plan.batch)
    try:
        threads = max(device.threads for device in plan.board.devices)
        runners[PEER] = OnnxRuntimePeer(original, threads)
        predicted[PEER] = None
    except BnnplanError as error:
        missing.append(f"{PEER}: {error}")
    found = measure(runners, arrays, seconds=seconds, precision=0.0)
    rows = [
        Row(name, predicted[name], result.time(), ratio_interval(result, found[PLAN]))
        for name, result in found.items()
    ]
    board, unknown = measure_ceilings(plan.board)
    layers = _layers(bench, board, plan, found[PLAN].mean_of(EventKind.LAYER))
    return Comparison(rows, layers, missing, unknown)


def _layers(bench: Workbench, board: Board, plan: Plan, times: Mapping[str, int]) -> list[LayerRow]:
    nodes = {node.name: node for node in bench.network.nodes}
    rows = []
    for layer in plan.layers:
        node, where = nodes[layer.name], (layer.device, layer.configuration)
        least = least_time(
            bench.network.bind(node, bench.batch),
            layer.configuration,
            bench.kernel(node, *where).weight_bytes,
            board.device(layer.device).ceilings,
        )
        rows.append(LayerRow(layer.name, *where, times[layer.name], least))
    return rows
