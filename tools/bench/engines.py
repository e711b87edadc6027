"""The peers by name, and the options of suites that run them."""

from __future__ import annotations

import argparse

from bench import parser
from isolation import ENVIRONMENT
from peers.base import Peer
from peers.float32_peer import Float32Peer
from peers.int8_peer import Int8Peer
from peers.larq_peer import LarqPeer
from peers.numba_peer import NumbaPeer
from peers.openvino_peer import OpenVinoPeer

PEERS: dict[str, type[Peer]] = {
    "openvino": OpenVinoPeer,
    "larq": LarqPeer,
    "onnxruntime-float32": Float32Peer,
    "onnxruntime-int8": Int8Peer,
    "numba": NumbaPeer,
}


def engine_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a suite, those for measuring in pieces included."""
    made = parser(description)
    made.add_argument("--only", nargs="+", default=[], metavar="NAME", help="parts of names")
    made.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    made.add_argument(
        "--peer", nargs="+", choices=PEERS, default=list(PEERS), help="all if left out"
    )
    made.add_argument(
        "--isa",
        choices=[isa for isa in ENVIRONMENT if isa],
        default="",
        help="hold all engines to it that can be held (onnxruntime and larq cannot)",
    )
    return made


def wanted(name: str, only: list[str]) -> bool:
    """Whether a name is among those to measure."""
    return not only or any(part in name for part in only)
