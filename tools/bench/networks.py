"""Whole networks, end to end from the caller's array, against other engines running the same."""

from __future__ import annotations

import functools
import os
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from bench import Result, chosen, spread
from engines import PEERS, engine_parser, measure_all
from mine import Mine, board_of
from peers.base import check_agreement
from peers.forms import decides_floats
from timing import NOISY, QUICK, Effort, compared, in_turns, refusal

from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import Board
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.profiling.oracle import random_feeds
from bnnplan.planner.trials.exactness import make_runner
from bnnplan.planner.verification import solve_on_board

ZOO = ("fashion", "hep-cifar", "btc-vgg-cifar", "btc-resnet18", "bi-real-18", "quicknet")
DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
TRAINED_BY_OTHERS = {"bmxnet-resnet18": DATA / "models" / "bmxnet" / "imagenet_resnet18.onnx.gz"}
BATCHES = (1, 8)
OURS = "ours"
PROFILING = 20.0
"""Seconds to profile one network for one batch and number of threads."""
EXACT, ROUNDED = 1e-4, 0.25
"""Largest difference of outputs, as a share of the largest value.

The second where bits are made of floats: a few of them come out another way in other engines. An
engine that computes something else is off by about the largest value.
"""


def main() -> None:
    parser = engine_parser(__doc__)
    parser.add_argument("--batch", nargs="+", type=int, default=list(BATCHES))
    options = parser.parse_args()
    effort = QUICK if options.quick else Effort(5.0, 9, 3)
    present = [name for name, file in TRAINED_BY_OTHERS.items() if file.exists()]
    items = [
        (name, batch) for name in chosen([*ZOO, *present], options.only) for batch in options.batch
    ]
    work = partial(measure, effort=effort, peers=options.peer, quick=options.quick)
    measure_all(options, items, work)


@functools.lru_cache(1)
def opened(name: str) -> tuple[Network, Network]:
    """A network as it was trained, and lowered."""
    original = open_network(TRAINED_BY_OTHERS.get(name, name))
    return original, lower(original)


def measure(
    threads: int, item: tuple[str, int], effort: Effort, peers: list[str], quick: bool
) -> list[Result]:
    """One network with one batch on so many threads."""
    name, batch = item
    original, network = opened(name)
    title = f"{name} batch {batch}"
    prepare = chosen_layer_by_layer if quick else planned
    runner = prepare(name, network, board_of(threads), batch)
    given = random_feeds(network, batch, 0)
    arrays = check_feeds(network, given, batch)
    outputs = runner.run(given)
    actions: dict[str, Callable[[], object]] = {OURS: partial(runner.run_encoded, arrays)}
    refused: dict[str, str] = {}
    tolerance = ROUNDED if decides_floats(network) else EXACT
    for peer_name in peers:
        try:
            kind = PEERS[peer_name]
            peer = kind(kind.form(original), threads, batch)
            peer.feed(given)
            peer.run()
            check_agreement(peer, outputs, tolerance)
            actions[peer_name] = peer.run
        except BnnplanError as error:
            refused[peer_name] = str(error)
    taken = in_turns(actions, effort)
    results = []
    for peer_name in peers:
        label = PEERS[peer_name].label()
        if peer_name in taken:
            results.append(compared(title, threads, taken[OURS], label, taken[peer_name]))
        else:
            reason = refused[peer_name]
            results.append(refusal(title, threads, taken[OURS], label, reason))
    share = layers_share(title, threads, runner, arrays, effort)
    return [*results, share, memory(title, threads, runner)]


def planned(name: str, network: Network, board: Board, batch: int) -> Runner:
    """The plan that bnnplan delivers, proven on the board."""
    bench = Workbench(network, board, batch)
    options = Options(budget=PROFILING)
    profile = profile_network(network, board, batch=batch, options=options, bench=bench)
    plan, _ = solve_on_board(network, profile, source=name, bench=bench)
    return make_runner(bench, plan)


def chosen_layer_by_layer(name: str, network: Network, board: Board, batch: int) -> Runner:
    """A quick choice: each layer as it is fastest alone."""
    return Mine(network, board, batch, {}).runner


def layers_share(
    title: str, threads: int, runner: Runner, arrays: dict[str, np.ndarray], effort: Effort
) -> Result:
    """Time of all layers by the time of whole calls: what is missing is overhead."""
    layers: list[float] = []

    def timed() -> None:
        events = runner.run_timed(arrays).events
        layers.append(sum(event.duration for event in events if event.kind is EventKind.LAYER))

    taken = in_turns({"timed": timed, OURS: partial(runner.run_encoded, arrays)}, effort)
    mine, whole = statistics.median(layers), statistics.median(taken[OURS])
    disturbed = max(spread(layers), spread(taken[OURS])) > NOISY
    return Result(
        f"{title}: all layers",
        threads,
        mine / 1e3,
        "µs",
        "the whole call",
        whole / 1e3,
        None if disturbed else mine / whole,
        spread(layers),
        len(layers),
    )


def memory(title: str, threads: int, runner: Runner) -> Result:
    """Memory beyond weights, beside what must be alive at once in any order of allocation."""
    (use,) = footprint(runner)
    ours = use.activation_bytes + use.workspace_bytes
    return Result(
        f"{title}: memory beyond weights",
        threads,
        ours / 2**10,
        "KiB",
        f"alive at once; weights are {use.weight_bytes / 2**10:.0f} KiB",
        use.alive_bytes / 2**10,
        use.alive_bytes / max(ours, 1),
    )


if __name__ == "__main__":
    main()
