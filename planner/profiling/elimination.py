"""Sequential elimination: only placements that could still win are measured to the end.

It begins with predicted intervals where there are any, else with the first few runs of every
placement. The most promising placement of every device and number of threads is timed first;
what that rules out (:mod:`bnnplan.planner.profiling.dominance`) is never prepared, checked or
timed, and keeps its predicted cost. What is timed is dropped as soon as its samples rule it out.
Racing alternatives against each other with confidence intervals is due to Maron and Moore,
"Hoeffding races", Advances in Neural Information Processing Systems 6, 1993.

What is left is timed until the whole network is known within the tolerance. Layers are timed in
turns, so their errors are independent, and n layers that may each be off by 1/√n of what the whole
may be off make no more of it together; layers of one shape share theirs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping

import attrs
from attrs import define, field

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board
from bnnplan.planner.profile import (
    Eliminated,
    LaunchCost,
    LayerCosts,
    Origin,
    PlacementCost,
    Profile,
    TransferCost,
)
from bnnplan.planner.profiling.candidates import MIN_SAMPLES, Candidate, Choice
from bnnplan.planner.profiling.dominance import (
    Chance,
    Reaches,
    beaten,
    floors,
    least_with,
    whole_bound,
)
from bnnplan.planner.profiling.risk import Doubt, doubt, together
from bnnplan.planner.profiling.savings import full_rounds
from bnnplan.planner.statistics import scaled

QUICK = 8
"""Samples from which an interval of the median is taken as such."""
FIRST_WITHIN = 2.0
"""The first runs, alone and in warm caches, tell a layer's time within this factor."""
CHOICE = 0.5
"""The share of the tolerance that is left to the choice among placements that are still equal."""
Key = tuple[str, str]
"""Signature of a layer, and device."""
Placement = tuple[str, str, Configuration]
"""Signature of a layer, device and configuration."""


@define
class Elimination:
    """What may still win of a network's placements, and what was given up with which doubt.

    Parameters
    ----------
    network : Network
    board : Board
    batch : int
    signatures : mapping of str to str
        By name of node; those of equal ones share all times.
    expected : Profile or None
        Predicted costs.
    """

    network: Network
    board: Board
    batch: int
    signatures: Mapping[str, str]
    expected: Profile | None
    left: dict[Key, dict[Configuration, PlacementCost]] = field(factory=dict, init=False)
    """What is not prepared."""
    foreseen: dict[Placement, PlacementCost] = field(factory=dict, init=False)
    """All that is predicted."""
    doubts: dict[Placement, Doubt] = field(factory=dict, init=False)
    """Of all that was given up."""
    drifts: dict[str, float] = field(factory=dict, init=False)
    """By device: by how much times are above the predicted ones."""

    def __attrs_post_init__(self) -> None:
        if self.expected is None:
            return
        for node in self._shapes:
            for cost in self.expected.layers[node.name].placements:
                key = self.signatures[node.name], cost.device
                self.left.setdefault(key, {})[cost.configuration] = cost
                self.foreseen[*key, cost.configuration] = cost
        reaches = self._reaches(self.expected.transfers, ())
        self._take(self._promising(self._hopeful({}, reaches)))

    @property
    def _shapes(self) -> list[Node]:
        """One node of each signature."""
        return list({self.signatures[n.name]: n for n in reversed(self.network.nodes)}.values())

    def skipped(self, node: Node, device: str) -> Collection[Configuration]:
        """Configurations that are not to be prepared now."""
        return self.left.get((self.signatures[node.name], device), {}).keys()

    def predicted(self, node: Node, device: str) -> list[PlacementCost]:
        """The costs of what was never prepared, at the pace that the device has shown."""
        costs = self.left.get((self.signatures[node.name], device), {}).values()
        return [
            attrs.evolve(cost, time=scaled(cost.time, self.drifts.get(device, 1.0)))
            for cost in costs
        ]

    def drop(
        self,
        choices: Mapping[Key, Choice],
        transfers: Iterable[TransferCost],
        launches: Iterable[LaunchCost],
        tolerance: float,
    ) -> None:
        """Give up all that can no longer win, and say how narrow the others' intervals must be."""
        self._learn_drifts(choices)
        reaches = self._reaches(transfers, launches)
        hopeful = self._hopeful(choices, reaches)
        for (signature, device), choice in choices.items():
            for candidate in choice.candidates:
                placement = signature, device, candidate.configuration
                candidate.hopeless = placement not in hopeful
        self._allow(choices, tolerance)

    def reopened(
        self,
        choices: Mapping[Key, Choice],
        transfers: Iterable[TransferCost],
        launches: Iterable[LaunchCost],
    ) -> bool:
        """Take what is not prepared but could win after what was measured; whether there is any."""
        hopeful = self._hopeful(choices, self._reaches(transfers, launches))
        found = [(s, d, c) for (s, d), mine in self.left.items() for c in mine]
        taken = [placement for placement in found if placement in hopeful]
        self._take(taken)
        return bool(taken)

    def _take(self, placements: Iterable[Placement]) -> None:
        for signature, device, configuration in placements:
            del self.left[signature, device][configuration]

    def _reaches(
        self, transfers: Iterable[TransferCost], launches: Iterable[LaunchCost]
    ) -> Reaches:
        expected = self.expected.launches if self.expected is not None else ()
        return Reaches(self.network, self.board, self.batch, transfers, launches, expected)

    def _promising(self, hopeful: Mapping[Placement, Chance]) -> list[Placement]:
        """Of every layer the best of each device and number of threads that may win."""
        best: dict[tuple[str, str, int], Placement] = {}
        for placement in hopeful:
            signature, device, configuration = placement
            median = self.left[signature, device][configuration].time.median
            known = best.setdefault((signature, device, configuration.threads), placement)
            if median < self.left[known[0], known[1]][known[2]].time.median:
                best[signature, device, configuration.threads] = placement
        return list(best.values())

    def _hopeful(self, choices: Mapping[Key, Choice], reaches: Reaches) -> dict[Placement, Chance]:
        """All placements that may be in the best plan; the doubts of the others are noted."""
        everything = {
            self.signatures[node.name]: self._chances(self.signatures[node.name], choices)
            for node in self._shapes
        }
        by_layer = {
            node.name: list(everything[self.signatures[node.name]].values())
            for node in self.network.nodes
        }
        bound = whole_bound(by_layer, reaches) if all(by_layer.values()) else float("inf")
        least = floors(by_layer) if bound < float("inf") else dict.fromkeys(by_layer, 0.0)
        total = sum(least.values())
        found: dict[Placement, Chance] = {}
        for node in self._shapes:
            mine = everything[self.signatures[node.name]]
            better = beaten(node, list(mine.values()), reaches)
            for (placement, chance), other in zip(mine.items(), better, strict=True):
                shortest = least_with(total - least[node.name], chance, reaches)
                if other is not None:
                    reach = reaches.exchange(node, chance, other)
                    self.doubts[placement] = doubt(chance, other, reach)
                elif shortest > bound:
                    self.doubts[placement] = doubt(chance, None, bound - shortest + chance.low)
                else:
                    self.doubts.pop(placement, None)
                    found[placement] = chance
        return found

    def _chances(self, signature: str, choices: Mapping[Key, Choice]) -> dict[Placement, Chance]:
        chances: dict[Placement, Chance] = {}
        for device in self.board.devices:
            drift = self.drifts.get(device.name, 1.0)
            for how, cost in self.left.get((signature, device.name), {}).items():
                times = (cost.time.low, cost.time.median, cost.time.high)
                formats = cost.input_formats, cost.output_formats
                chances[signature, device.name, how] = Chance(
                    device.name, how.threads, formats, *(time * drift for time in times)
                )
            choice = choices.get((signature, device.name))
            for candidate in choice.candidates if choice else ():
                placement = signature, device.name, candidate.configuration
                foreseen = self.foreseen.get(placement)
                chances[placement] = _chance(device.name, candidate, foreseen)
        return chances

    def _learn_drifts(self, choices: Mapping[Key, Choice]) -> None:
        """The pace of each device: the median ratio of measured to predicted times."""
        ratios: dict[str, list[float]] = {}
        for (signature, device), choice in choices.items():
            for candidate in choice.candidates:
                cost = self.foreseen.get((signature, device, candidate.configuration))
                if cost is not None and len(candidate.samples) >= QUICK:
                    ratio = candidate.time(0.0).median / max(cost.time.median, 1)
                    ratios.setdefault(device, []).append(ratio)
        self.drifts = {device: statistics.median(mine) for device, mine in ratios.items()}

    def _allow(self, choices: Mapping[Key, Choice], tolerance: float) -> None:
        """Let every layer be off by its share of what the whole network may be off."""
        names = list(self.signatures.values())
        whole = 0
        for signature in names:
            mine = (choices.get((signature, device.name)) for device in self.board.devices)
            whole += min((c.best().time(0.0).median for c in mine if c and c.candidates), default=0)
        share = CHOICE * tolerance * whole / math.sqrt(len(set(names)))
        for (signature, _), choice in choices.items():
            for candidate in choice.candidates:
                candidate.allowance = share / names.count(signature)

    def summary(
        self,
        choices: Mapping[Key, Choice],
        layers: Mapping[str, LayerCosts],
        *,
        spent: float,
        surveyed: float,
        rounds: Mapping[str, float],
        tolerance: float,
    ) -> Eliminated:
        """What was left out in all.

        Parameters
        ----------
        choices : mapping of (str, str) to Choice
        layers : mapping of str to LayerCosts
            As the profile states them.
        spent, surveyed : float
            Seconds of everything, and of preparing and checking.
        rounds : mapping of str to float
            Mean seconds of timing one program, by device.
        tolerance : float
        """
        costs = [cost for one in layers.values() for cost in one.placements]
        unchecked = [cost for cost in costs if cost.origin is not Origin.MEASURED]
        given_up = {
            (signature, device, c.configuration)
            for (signature, device), choice in choices.items()
            for c in choice.candidates
            if c.hopeless
        }
        names = list(self.signatures.values())
        dropped = sum(names.count(signature) for signature, _, _ in given_up)
        left = {
            self.signatures[node.name]: [
                cost for device in self.board.devices for cost in self.predicted(node, device.name)
            ]
            for node in self._shapes
        }
        given_up |= {(s, cost.device, cost.configuration) for s in left for cost in left[s]}
        whole = together(
            (found, names.count(placement[0]))
            for placement, found in self.doubts.items()
            if placement in given_up
        )
        checked = len(costs) - len(unchecked)
        full = full_rounds(self.signatures, choices, left, rounds, tolerance)
        return Eliminated(
            offered=len(costs),
            measured=checked - dropped,
            unchecked=len(unchecked),
            saved=round(max(0.0, full + surveyed * len(costs) / max(checked, 1) - spent), 3),
            risk=whole.risk,
            regret=whole.regret,
        )


def is_timed(candidate: Candidate) -> bool:
    """Whether a candidate has been timed as often as all are at least."""
    return candidate.hopeless or candidate.settled or len(candidate.samples) >= MIN_SAMPLES


def _chance(device: str, candidate: Candidate, foreseen: PlacementCost | None) -> Chance:
    """What is known of a candidate: samples, else what first runs and prediction leave together."""
    kernel = candidate.kernel
    first = float(candidate.first)
    low, median, high = first / FIRST_WITHIN, first, first * FIRST_WITHIN
    if len(candidate.samples) >= QUICK:
        time = candidate.time(0.0)
        low, median, high = time.low, time.median, time.high
    elif foreseen is not None:
        ends = max(low, foreseen.time.low), min(high, foreseen.time.high)
        # Where they exclude each other, what ran on the device is right.
        if ends[0] <= ends[1]:
            low, high = ends
            median = min(max(median, low), high)
    formats = kernel.input_formats, kernel.output_formats
    return Chance(device, candidate.configuration.threads, formats, low, median, high)
