"""The peers by name, and the options of suites that run them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

from bench import Result, only_parser, report
from isolation import PEERS_ENVIRONMENT, Item, environment, in_processes
from peers.base import Peer
from peers.float32_peer import Float32Peer
from peers.int8_peer import Int8Peer
from peers.larq_peer import LarqPeer
from peers.numba_peer import NumbaPeer
from peers.openvino_peer import OpenVinoPeer

from bnnplan.backends.cpu.native import best_variant
from bnnplan.models.errors import BnnplanError

PEERS: dict[str, type[Peer]] = {
    "openvino": OpenVinoPeer,
    "larq": LarqPeer,
    "onnxruntime-float32": Float32Peer,
    "onnxruntime-int8": Int8Peer,
    "numba": NumbaPeer,
}


def engine_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a suite, those for measuring in pieces included."""
    made = only_parser(description)
    made.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    made.add_argument(
        "--peer", nargs="+", choices=PEERS, default=list(PEERS), help="all if left out"
    )
    made.add_argument(
        "--isa",
        default=os.environ.get("BNNPLAN_ISA", ""),
        help="instruction set of ours; avx2 holds OpenVINO and numba too",
    )
    return made


def measure_all(
    options: argparse.Namespace,
    items: Sequence[Item],
    work: Callable[[int, Item], list[Result]],
) -> None:
    """Report what `work` gives for every item, on each number of threads that was asked for."""
    held = options.isa in PEERS_ENVIRONMENT
    peers = (
        f"openvino and numba held to {options.isa}, onnxruntime and larq as compiled or their best"
        if held
        else "their best instruction sets"
    )
    try:
        with environment(options.isa):
            results = in_processes(options.threads, items, work)
            report(results, options.json, best_variant(), peers)
    except BnnplanError as error:
        raise SystemExit(str(error)) from error
