"""Whole networks: the plan that bnnplan delivers, against onnxruntime float32, same threads."""

from __future__ import annotations

import os

import attrs
from bench import Result, arguments, compared, interleave, report

from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.execution.runner import check_feeds
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.peers import OnnxRuntimePeer
from bnnplan.planner.planning import plan_latency
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.profiling.oracle import random_feeds
from bnnplan.planner.verification import make_runner, solve_on_board

NETWORKS = ("fashion", "hep-cifar", "btc-mlp", "btc-vgg-cifar", "btc-resnet18", "bi-real-18")
SMALL = ("fashion", "hep-cifar", "btc-mlp", "btc-vgg-cifar")
"""Networks that are measured with batches of 8 as well."""


def main() -> None:
    options = arguments(__doc__)
    results: list[Result] = []
    board = detect_board().board.only(["cpu0"])
    counts = [threads for threads in (1, 2) if threads <= board.devices[0].threads]
    for name in NETWORKS:
        for batch in (1, 8) if name in SMALL else (1,):
            for threads in counts:
                limited = with_threads(board, threads)
                results.append(one(name, batch, limited, threads, quick=options.quick))
                print(results[-1], flush=True)
    report(results, options.json)


def one(name: str, batch: int, board: Board, threads: int, *, quick: bool) -> Result:
    """Plan one network for one batch and thread count, and measure it against onnxruntime."""
    original = open_network(name)
    network = lower(original)
    bench = Workbench(network, board, batch)
    budget = 0.3 if quick else 20.0
    profile = profile_network(
        network, board, batch=batch, options=Options(budget=budget), bench=bench
    )
    if quick:
        plan = plan_latency(network, profile, source=name)
    else:
        plan, _ = solve_on_board(network, profile, source=name, bench=bench)
    runner = make_runner(bench, plan)
    arrays = check_feeds(network, random_feeds(network, batch, 0), batch)
    peer = OnnxRuntimePeer(original, threads)
    # Both sides compute on the same cores, and no call has to move to another core first.
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everywhere)[:threads])
    samples = interleave(
        {
            "ours": lambda: runner.run_encoded(arrays),
            "onnxruntime": lambda: peer.run_encoded(arrays),
        },
        seconds=0.1 if quick else 4.0,
        min_runs=3 if quick else 15,
        burst=3,
    )
    os.sched_setaffinity(0, everywhere)
    title = f"{name} batch {batch}"
    return compared(title, threads, samples["ours"], "onnxruntime float32", samples["onnxruntime"])


def with_threads(board: Board, threads: int) -> Board:
    """The board's one device with so many of its cores."""
    (device,) = board.devices
    ordered = sorted(device.resources, key=lambda core: int(core.partition(":")[2]))
    cores = frozenset(ordered[:threads])
    return attrs.evolve(board, devices=(attrs.evolve(device, resources=cores, threads=threads),))


if __name__ == "__main__":
    main()
