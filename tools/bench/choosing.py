"""What profiling only what may win saves and loses, and what planning from predictions loses.

Each network is profiled in full, with elimination, and with elimination from predicted costs, in
turns; and it is planned from each of these profiles, and from predictions alone. All plans are
measured in turns. The board is characterized first, unless a model of it is given.

Of profiles, ours is the median time and the peer that of profiles in full, so a ratio of 4 is a
quarter of the time. Of plans, ours is the median of the latency that was measured, and the ratio
the median over pairs of plans that were profiled one after the other, with its 95 % interval.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import Result, chosen, only_parser, report
from profiled import ELIMINATION, FULL, PREDICTED, WITH_MODEL, Effort, found_plans

from bnnplan.models.graph import Network
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.zoo import ZOO
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.board_model import BoardModel, load_board_model
from bnnplan.planner.characterizing.session import Options as Budget
from bnnplan.planner.characterizing.session import characterize
from bnnplan.planner.execution.measure import Measurement, measure, ratio_interval
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.trials.exactness import Reference, make_runner

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
QUICK_NETWORKS = ("fashion", "hep-cifar")
NETWORKS = (
    *QUICK_NETWORKS,
    "btc-vgg-cifar",
    "btc-resnet14-cifar",
    "btc-resnet18",
    "quicknet",
    "finn-pynq/cnv_cifar10",
    "bmxnet/cifar10_resnet18",
)
WARM_UP = 0.1
"""Seconds of the first profile, which pays for what is loaded once."""


def main() -> None:
    made = only_parser(__doc__)
    made.add_argument("--board-model", type=Path, metavar="FILE", help="made by characterize")
    options = made.parse_args()
    names = chosen(QUICK_NETWORKS if options.quick else present(), options.only)
    board = detect_board().board.only(["cpu0"])
    if options.board_model:
        model = load_board_model(options.board_model)
    else:
        model = characterize(board, options=Budget(budget=12.0 if options.quick else 180.0))
    effort = Effort(1, 5.0, 1.0) if options.quick else Effort(3, 60.0, 15.0)
    report(results(names, board, model, effort), options.json)


def file_of(name: str) -> Path:
    """Where a network is that is not of the zoo."""
    return DATA / "models" / f"{name}.onnx.gz"


def present() -> list[str]:
    """The networks of the zoo, and those whose files are here."""
    return [name for name in NETWORKS if name in ZOO or file_of(name).exists()]


def results(
    names: Sequence[str], board: Board, model: BoardModel, effort: Effort
) -> Iterator[list[Result]]:
    """Rows network by network, then the worst of each kind."""
    smallest = lower(open_network(NETWORKS[0]))
    for eliminate in (False, True):
        profile_network(smallest, board, options=Options(budget=WARM_UP, eliminate=eliminate))
    rows: list[Result] = []
    for name in names:
        network = lower(open_network(name if name in ZOO else str(file_of(name))))
        mine = list(rows_of(name, network, board, model, effort))
        rows += mine
        yield mine
    yield list(worst(rows))


def rows_of(
    name: str, network: Network, board: Board, model: BoardModel, effort: Effort
) -> Iterator[Result]:
    """Rows of one network."""
    threads = max(device.threads for device in board.devices)
    found = found_plans(name, network, board, model, effort)
    plans = {(kind, i): plan for kind, one in found.items() for i, plan in enumerate(one.plans)}
    bench = Workbench(network, board)
    reference = Reference(bench, seed=0)
    runners = {f"{kind} {i}": make_runner(bench, plan) for (kind, i), plan in plans.items()}
    for runner in runners.values():
        reference.compare(runner)
    measured = measure(runners, reference.arrays, seconds=effort.seconds)
    taken = {kind: statistics.median(one.seconds) for kind, one in found.items()}
    for kind in (ELIMINATION, WITH_MODEL):
        yield Result(
            f"{name}: {kind}",
            threads,
            taken[kind],
            "s",
            FULL,
            taken[FULL],
            taken[FULL] / taken[kind],
            (max(found[kind].seconds) - min(found[kind].seconds)) / taken[kind],
            effort.repeats,
        )
    for kind in (ELIMINATION, WITH_MODEL, PREDICTED):
        yield plan_row(f"{name}: plan of {kind}", threads, kind, measured, effort.repeats)
    alone = measured[f"{PREDICTED} 0"].time()
    predicted = found[PREDICTED].plans[0].predicted_ns
    yield Result(
        f"{name}: latency by {PREDICTED}",
        threads,
        predicted / 1e3,
        "µs",
        "measured",
        alone.median / 1e3,
        predicted / alone.median,
        (alone.high - alone.low) / alone.median,
        alone.runs,
    )


def plan_row(
    name: str, threads: int, kind: str, measured: dict[str, Measurement], repeats: int
) -> Result:
    """The plans of a kind against those of the profiles in full."""
    pairs = [(measured[f"{kind} {i}"], measured[f"{FULL} {i}"]) for i in range(repeats)]
    # Theirs by ours, above 1 where ours is faster.
    ratios = sorted((ratio_interval(full, mine) for mine, full in pairs), key=lambda r: r.median)
    ratio = ratios[(repeats - 1) // 2]
    return Result(
        name,
        threads,
        statistics.median(mine.time().median for mine, _ in pairs) / 1e3,
        "µs",
        f"{FULL}; 95 % {ratio.low:.3f} to {ratio.high:.3f}",
        statistics.median(full.time().median for _, full in pairs) / 1e3,
        ratio.median,
        ratios[-1].median - ratios[0].median,
        sum(len(mine.samples) for mine, _ in pairs),
    )


def worst(rows: list[Result]) -> Iterator[Result]:
    """Over all networks: the largest share of the time, loss of a plan, and error of a latency."""
    for kind in (ELIMINATION, WITH_MODEL):
        ratios = [row.ratio for row in rows if row.name.endswith(f": {kind}") and row.ratio]
        share = 100 * max(1 / ratio for ratio in ratios)
        yield Result(f"share of the time, {kind}, largest", 1, share, "%", runs=len(ratios))
    for kind in (ELIMINATION, WITH_MODEL, PREDICTED):
        ratios = [row.ratio for row in rows if row.name.endswith(f": plan of {kind}") and row.ratio]
        loss = 100 * max(1 / ratio - 1 for ratio in ratios)
        yield Result(f"loss of plans, {kind}, largest", 1, loss, "%", runs=len(ratios))
    errors = [100 * abs(row.ratio - 1) for row in rows if ": latency by" in row.name and row.ratio]
    for what, of in (("median", statistics.median), ("largest", max)):
        yield Result(f"error of latencies, {what}", 1, of(errors), "%", runs=len(errors))


if __name__ == "__main__":
    main()
