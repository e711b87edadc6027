"""Which placements of a layer can no longer be part of the plan of least latency, and why.

Two rules, both true if every time lies in its interval:

* *Exchange.* In any plan, a layer's placement can be exchanged for another one of the same formats
  on the same device, or on a device of which all resources are its own device's too. That changes
  the layer's time, and beside it what programs and transfers around it cost, at most by the *reach*
  (:meth:`Reaches.exchange`). A placement whose lower bound is above another's upper bound and the
  reach is in no best plan.
* *Whole.* A plan with a placement takes at least the lower bounds of all layers, with the
  placement's own for its layer, and what one program and the transfers of its device take. Where
  that is above the upper bound of a whole network on a single device, the placement is in no best
  plan.

The first also holds for pipelines where both placements are on one device; nothing here looks at
memory and energy. Exchanges of parts that can be proven to help nowhere are classical dominance
rules of scheduling and assignment: Ibaraki, "The power of dominance relations in branch-and-bound
algorithms", Journal of the ACM 24(2), 1977.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import USER, Board
from bnnplan.planner.profile import LaunchCost, TransferCost, launch_of, transfer_of

UNKNOWN = math.inf
"""Reach where nothing is known that would bound it."""


@frozen
class Chance:
    """A placement of a layer as far as its time is known.

    Parameters
    ----------
    device : str
    threads : int
    formats : tuple
        Of inputs and outputs; only equal ones can be exchanged.
    low, median, high : float
        Nanoseconds.
    """

    device: str
    threads: int
    formats: tuple[tuple[str, ...], tuple[str, ...]]
    low: float
    median: float
    high: float


class Reaches:
    """What exchanging one layer's placement can cost besides the layer's own time.

    Parameters
    ----------
    network : Network
    board : Board
    batch : int
    transfers : iterable of TransferCost
    launches : iterable of LaunchCost
        As measured here.
    expected : iterable of LaunchCost
        As predicted, for what was not started yet; never taken for the least that is possible.
        Where nothing is known of a device, nothing is compared with it.
    """

    def __init__(
        self,
        network: Network,
        board: Board,
        batch: int,
        transfers: Iterable[TransferCost],
        launches: Iterable[LaunchCost],
        expected: Iterable[LaunchCost] = (),
    ) -> None:
        self.network = network
        self.board = board
        self.batch = batch
        self.transfers = tuple(transfers)
        self.measured = tuple(launches)
        known = {(cost.device, cost.threads) for cost in self.measured}
        more = [cost for cost in expected if (cost.device, cost.threads) not in known]
        self.launches = (*self.measured, *more)
        self.launched = {cost.device for cost in self.launches}
        self.programs = len(network.nodes)
        """More than these a plan never starts."""

    def launch(self, device: str, threads: int) -> float:
        """Nanoseconds of a program; unknown if none of the device was started yet."""
        return launch_of(self.launches, device, threads) if device in self.launched else UNKNOWN

    def exchange(self, node: Node, old: Chance, new: Chance) -> float:
        """The most that a plan can lose, beside the layer's own time, by taking `new` for `old`.

        A wider team is woken by every program of its device. On another device, the layer may
        become a program of its own, and cut one in two; all that it reads and makes may have to
        move.
        """
        if old.formats != new.formats:
            return UNKNOWN
        if old.device == new.device and new.threads <= old.threads:
            return 0.0
        if not self.launched >= {old.device, new.device}:
            return UNKNOWN
        least = old.threads if old.device == new.device else 1
        wider = self.launch(new.device, new.threads) - self.launch(new.device, least)
        waking = self.programs * max(0.0, wider)
        if old.device == new.device:
            return waking
        here, there = self.board.device(old.device), self.board.device(new.device)
        # Only then the layer keeps nobody else waiting.
        if not (there.resources and there.resources <= here.resources):
            return UNKNOWN
        widest = max(here.threads, old.threads)
        starting = self.launch(new.device, new.threads) + self.launch(old.device, widest)
        moved = 0.0 if here.space == there.space else self._moved(node, there.space.name)
        return waking + starting + moved

    def _moved(self, node: Node, space: str) -> float:
        """All inputs from wherever is farthest, and all outputs to every other space."""
        others = [USER, *(one.name for one in self.board.spaces if one.name != space)]
        total = 0.0
        for tensor in dict.fromkeys(node.inputs):
            total += max(self.move(other, space, self._nbytes(tensor)) for other in others)
        for tensor in node.outputs:
            total += sum(self.move(space, other, self._nbytes(tensor)) for other in others)
        return total

    def _nbytes(self, tensor: str) -> int:
        return self.network.types[tensor].nbytes(self.batch)

    def move(self, source: str, target: str, nbytes: int) -> float:
        """Nanoseconds of a transfer; unknown where there is none."""
        cost = transfer_of(self.transfers, source, target)
        return UNKNOWN if cost is None else cost.duration(nbytes)

    def ends(self, space: str) -> float:
        """What moving the network's inputs to a space and its outputs from there takes."""
        into = sum(self.move(USER, space, self._nbytes(name)) for name in self.network.inputs)
        return into + sum(self.move(space, USER, self._nbytes(n)) for n in self.network.outputs)

    def visit(self, device: str, threads: int) -> float:
        """The least that one program of a device adds to a plan; 0 where nothing is known."""
        space = self.board.device(device).space.name
        into = [cost.overhead_ns for cost in self.transfers if cost.target == space]
        out = [cost.overhead_ns for cost in self.transfers if cost.source == space]
        launch = launch_of(self.measured, device, threads)
        return launch + min(into, default=0.0) + min(out, default=0.0)


def beaten(node: Node, chances: Sequence[Chance], reaches: Reaches) -> list[Chance | None]:
    """For each chance of a layer one that makes it useless by exchange; None where none does."""
    found: list[Chance | None] = []
    for old in chances:
        better = (
            new
            for new in chances
            if new is not old and old.low > new.high + reaches.exchange(node, old, new)
        )
        found.append(next(better, None))
    return found


def whole_bound(chances: Mapping[str, Sequence[Chance]], reaches: Reaches) -> float:
    """The least upper bound of the latency of a whole network on a single device.

    Parameters
    ----------
    chances : mapping of str to sequence of Chance
        By layer.
    reaches : Reaches
    """
    best = UNKNOWN
    for device in reaches.board.devices:
        ends = reaches.ends(device.space.name)
        for threads in sorted({c.threads for mine in chances.values() for c in mine}):
            layers = (
                min(
                    (c.high for c in mine if c.device == device.name and c.threads <= threads),
                    default=UNKNOWN,
                )
                for mine in chances.values()
            )
            best = min(best, sum(layers) + reaches.launch(device.name, threads) + ends)
    return best


def floors(chances: Mapping[str, Sequence[Chance]]) -> dict[str, float]:
    """The least lower bound of each layer."""
    return {name: min(chance.low for chance in mine) for name, mine in chances.items()}


def least_with(rest: float, chance: Chance, reaches: Reaches) -> float:
    """A lower bound of the latency of any plan that has a placement.

    Parameters
    ----------
    rest : float
        The sum of the least lower bounds of all other layers.
    chance : Chance
    reaches : Reaches
    """
    return rest + chance.low + reaches.visit(chance.device, chance.threads)
