"""What is known of the time of every placement: samples, first runs, predictions."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

import attrs
from attrs import define, field

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board
from bnnplan.planner.profile import PlacementCost, Profile
from bnnplan.planner.profiling.candidates import Candidate, Choice
from bnnplan.planner.profiling.dominance import Chance
from bnnplan.planner.statistics import scaled

QUICK = 8
"""Samples from which an interval of the median is taken as such."""
FIRST_WITHIN = 2.0
"""The first runs, alone and in warm caches, tell a layer's time within this factor."""
Key = tuple[str, str]
"""Signature of a layer, and device."""
Placement = tuple[str, str, Configuration]
"""Signature of a layer, device and configuration."""


@define
class Knowledge:
    """What is known of a network's placements.

    Parameters
    ----------
    network : Network
    board : Board
    signatures : mapping of str to str
        By name of node; those of equal ones share all times.
    expected : Profile or None
        Predicted costs.
    """

    network: Network
    board: Board
    signatures: Mapping[str, str]
    expected: Profile | None
    left: dict[Key, dict[Configuration, PlacementCost]] = field(factory=dict, init=False)
    """What is not prepared."""
    foreseen: dict[Placement, PlacementCost] = field(factory=dict, init=False)
    """All that is predicted."""
    drifts: dict[str, float] = field(factory=dict, init=False)
    """By device: by how much times are above the predicted ones."""

    def __attrs_post_init__(self) -> None:
        if self.expected is None:
            return
        for node in self.shapes:
            for cost in self.expected.layers[node.name].placements:
                key = self.signatures[node.name], cost.device
                self.left.setdefault(key, {})[cost.configuration] = cost
                self.foreseen[*key, cost.configuration] = cost

    @property
    def shapes(self) -> list[Node]:
        """One node of each signature."""
        return list({self.signatures[n.name]: n for n in reversed(self.network.nodes)}.values())

    def take(self, placements: Iterable[Placement]) -> None:
        """These are prepared from now on."""
        for signature, device, configuration in placements:
            del self.left[signature, device][configuration]

    def predicted(self, signature: str, device: str) -> list[PlacementCost]:
        """The costs of what was never prepared, at the pace that the device has shown."""
        drift = self.drifts.get(device, 1.0)
        costs = self.left.get((signature, device), {}).values()
        return [attrs.evolve(cost, time=scaled(cost.time, drift)) for cost in costs]

    def unprepared(self) -> dict[str, list[PlacementCost]]:
        """Of each signature the costs of what was never prepared."""
        devices = [device.name for device in self.board.devices]
        return {
            signature: [cost for device in devices for cost in self.predicted(signature, device)]
            for signature in (self.signatures[node.name] for node in self.shapes)
        }

    def learn(self, choices: Mapping[Key, Choice]) -> None:
        """The pace of each device: the median ratio of measured to predicted times."""
        ratios: dict[str, list[float]] = {}
        for (signature, device), choice in choices.items():
            for candidate in choice.candidates:
                cost = self.foreseen.get((signature, device, candidate.configuration))
                if cost is not None and len(candidate.samples) >= QUICK:
                    ratio = candidate.time(0.0).median / max(cost.time.median, 1)
                    ratios.setdefault(device, []).append(ratio)
        self.drifts = {device: statistics.median(mine) for device, mine in ratios.items()}

    def chances(self, signature: str, choices: Mapping[Key, Choice]) -> dict[Placement, Chance]:
        """All placements of a layer, with the intervals that their times are in."""
        found: dict[Placement, Chance] = {}
        for device in self.board.devices:
            drift = self.drifts.get(device.name, 1.0)
            for how, cost in self.left.get((signature, device.name), {}).items():
                times = (cost.time.low, cost.time.median, cost.time.high)
                formats = cost.input_formats, cost.output_formats
                found[signature, device.name, how] = Chance(
                    device.name, how.threads, formats, *(time * drift for time in times)
                )
            choice = choices.get((signature, device.name))
            for candidate in choice.candidates if choice else ():
                placement = signature, device.name, candidate.configuration
                foreseen = self.foreseen.get(placement)
                found[placement] = chance(device.name, candidate, foreseen)
        return found


def chance(device: str, candidate: Candidate, foreseen: PlacementCost | None = None) -> Chance:
    """What is known of a candidate: samples, else what first runs and prediction leave together."""
    kernel = candidate.kernel
    first = float(candidate.first)
    low, median, high = first / FIRST_WITHIN, first, first * FIRST_WITHIN
    if len(candidate.samples) >= QUICK and candidate.is_spread:
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
