"""Single layers in their fastest configuration, against the same layers in other engines.

A layer's time is the difference of a network that has it several times and of one that has it
once, by the number of layers more: no engine is charged for being called.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

from attrs import define
from bench import Result, chosen, spread
from engines import PEERS, engine_parser, measure_all
from mine import Mine, Speed, board_of, speed_of
from peers.base import Peer, check_agreement
from shapes import Shape, feeds, shapes
from timing import QUICK, Effort, compared, in_turns, refusal

from bnnplan.backends.interface import Configuration
from bnnplan.models.errors import BnnplanError
from bnnplan.planner.board import Board

OURS = "ours"


@define
class Entrants:
    """Who is timed, and who is not and why.

    Parameters
    ----------
    actions : dict
        What to time, by engine and number of layers.
    refused : dict
        Reasons by engine.
    """

    actions: dict[tuple[str, int], Callable[[], object]]
    refused: dict[str, str]

    def refuse(self, name: str, reason: str) -> None:
        """Leave an engine out, also where it was let in with another number of layers."""
        self.refused[name] = reason
        self.actions = {key: run for key, run in self.actions.items() if key[0] != name}


def main() -> None:
    options = engine_parser(__doc__).parse_args()
    effort = QUICK if options.quick else Effort(4.0, 9, 3)
    names = chosen([shape.name for shape in shapes()], options.only)
    work = partial(measure, effort=effort, peers=options.peer, short=options.quick)
    measure_all(options, names, work)


def measure(threads: int, name: str, effort: Effort, peers: list[str], short: bool) -> list[Result]:
    """One layer on so many threads: in all engines that pad alike, and once more in the others."""
    (shape,) = (shape for shape in shapes(short=short) if shape.name == name)
    pads = {name: PEERS[name].pad_value if shape.is_padded else 0 for name in peers}
    results = []
    for pad_value in sorted(set(pads.values())):
        group = [name for name in peers if pads[name] == pad_value]
        results += one(shape, pad_value, group, board_of(threads), effort)
    return results


def one(
    shape: Shape, pad_value: int, peers: list[str], board: Board, effort: Effort
) -> list[Result]:
    """One layer, padded by a value, in several engines."""
    threads = board.devices[0].threads
    title = f"{shape.name}, padded by {pad_value:+}" if pad_value else shape.name
    entrants = enter(shape, pad_value, peers, board)
    taken = in_turns(entrants.actions, effort)
    layer = {
        name: [
            one_layer(several, single, shape.length)
            for several, single in zip(taken[name, shape.length], taken[name, 1], strict=True)
        ]
        for name in dict.fromkeys(name for name, _ in taken)
    }
    results = [] if pad_value else rates(title, threads, shape, layer[OURS], speed_of(board))
    for name in peers:
        label = PEERS[name].label()
        if name in layer:
            results.append(compared(title, threads, layer[OURS], label, layer[name]))
        else:
            results.append(refusal(title, threads, layer[OURS], label, entrants.refused[name]))
    return results


def one_layer(several: float, single: float, length: int) -> float:
    """Time of a layer by what it takes more often and once.

    On a busy machine more layers may seem to take less time than one; then the calls are charged.
    """
    more = several - single
    return more / (length - 1) if more > 0 else several / length


def enter(shape: Shape, pad_value: int, peers: list[str], board: Board) -> Entrants:
    """Make the layer ready in all engines; only those that agree with us are let in."""
    fastest: dict[str, Configuration] = {}
    entrants = Entrants({}, {})
    for length in (1, shape.length):
        network = shape.build(length, pad_value)
        given = feeds(network, shape.batch)
        mine = Mine(network, board, shape.batch, fastest)
        outputs = mine.results(given)
        entrants.actions[OURS, length] = mine.program(given).run
        for name in peers:
            if name in entrants.refused:
                continue
            try:
                peer = _ready(PEERS[name], shape, length, pad_value, board.devices[0].threads)
                check_agreement(peer, outputs, tolerance=0)
                entrants.actions[name, length] = peer.run
            except BnnplanError as error:
                entrants.refuse(name, str(error))
    return entrants


def _ready(kind: type[Peer], shape: Shape, length: int, pad_value: int, threads: int) -> Peer:
    """The layer in another engine, after its first run."""
    as_pixels = kind.rows_as_pixels and shape.image is not None
    build = shape.image if as_pixels and shape.image else shape.build
    network, batch = build(length, pad_value), 1 if as_pixels else shape.batch
    peer = kind(network, threads, batch)
    peer.feed(feeds(network, batch))
    peer.run()
    return peer


def rates(
    title: str, threads: int, shape: Shape, ours: list[float], speed: Speed | None
) -> list[Result]:
    """Our operations a second, and products a cycle and core beside the most that there can be."""
    nanoseconds = statistics.median(ours)
    width, runs = spread(ours), len(ours)
    found = [
        Result(
            f"{title}: rate",
            threads,
            2 * shape.macs / nanoseconds / 1e3,
            "Tera-op/s",
            spread=width,
            runs=runs,
        )
    ]
    if speed is not None:
        products = shape.macs / nanoseconds * 1e9 / threads / speed.cycles
        ceiling = speed.bit_products / speed.cycles
        found.append(
            Result(
                f"{title}: a cycle and core",
                threads,
                products,
                "MAC",
                f"measured ceiling, {speed.name}",
                ceiling,
                products / ceiling,
                width,
                runs,
            )
        )
    return found


if __name__ == "__main__":
    main()
