"""Sequential elimination: only placements that could still win are measured to the end.

It begins with predicted intervals where there are any, else with the first few runs of every
placement. The most promising placement of every device and number of threads is timed first;
what that rules out (:mod:`bnnplan.planner.profiling.dominance`) is never prepared, checked or
timed, and keeps its predicted cost. What is timed is dropped as soon as its samples rule it out.
Racing alternatives against each other with confidence intervals is due to Maron and Moore,
"Hoeffding races", Advances in Neural Information Processing Systems 6, 1993.

What is left is timed until the plan can hardly change (:mod:`bnnplan.planner.profiling.precision`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import define, field

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import Node
from bnnplan.planner.board import Board
from bnnplan.planner.profile import LaunchCost, PlacementCost, Profile, TransferCost
from bnnplan.planner.profiling.candidates import MIN_SAMPLES, Candidate, Choice
from bnnplan.planner.profiling.dominance import (
    Chance,
    Reaches,
    beaten,
    floors,
    least_with,
    whole_bound,
)
from bnnplan.planner.profiling.knowledge import Key, Knowledge, Placement
from bnnplan.planner.profiling.precision import allow
from bnnplan.planner.profiling.risk import Doubt, doubt

FEWEST = 2 * MIN_SAMPLES
"""Samples of what is left: more than in full, since few are left and the choice is theirs."""
MOMENT = 0.05
"""Seconds for which something else may take a core, and make all of its layers look slow."""


@define
class Elimination:
    """What may still win of a network's placements, and what was given up with which doubt.

    Parameters
    ----------
    knowledge : Knowledge
    batch : int
    """

    knowledge: Knowledge
    batch: int
    doubts: dict[Placement, Doubt] = field(factory=dict, init=False)
    """Of all that was given up."""

    def __attrs_post_init__(self) -> None:
        if self.expected is not None:
            reaches = self._reaches(self.expected.transfers, ())
            self.knowledge.take(self._promising(self._hopeful({}, reaches)))

    @property
    def expected(self) -> Profile | None:
        """Predicted costs."""
        return self.knowledge.expected

    @property
    def board(self) -> Board:
        """Where it is measured."""
        return self.knowledge.board

    def skipped(self, node: Node, device: str) -> Collection[Configuration]:
        """Configurations that are not to be prepared now."""
        return self.knowledge.left.get((self._signature(node), device), {}).keys()

    def predicted(self, node: Node, device: str) -> list[PlacementCost]:
        """The costs of what was never prepared, at the pace that the device has shown."""
        return self.knowledge.predicted(self._signature(node), device)

    def _signature(self, node: Node) -> str:
        return self.knowledge.signatures[node.name]

    def drop(
        self,
        choices: Mapping[Key, Choice],
        transfers: Iterable[TransferCost],
        launches: Iterable[LaunchCost],
        tolerance: float,
    ) -> None:
        """Give up all that can no longer win, and say how narrow the others' intervals must be."""
        for choice in choices.values():
            for candidate in choice.candidates:
                candidate.fewest, candidate.moment = FEWEST, MOMENT
        self.knowledge.learn(choices)
        hopeful = self._hopeful(choices, self._reaches(transfers, launches))
        for (signature, device), choice in choices.items():
            for candidate in choice.candidates:
                placement = signature, device, candidate.configuration
                candidate.hopeless = placement not in hopeful
        allow(choices, list(self.knowledge.signatures.values()), tolerance)

    def reopened(
        self,
        choices: Mapping[Key, Choice],
        transfers: Iterable[TransferCost],
        launches: Iterable[LaunchCost],
    ) -> bool:
        """Take what is not prepared but could win after what was measured; whether there is any."""
        hopeful = self._hopeful(choices, self._reaches(transfers, launches))
        found = [(s, d, c) for (s, d), mine in self.knowledge.left.items() for c in mine]
        taken = [placement for placement in found if placement in hopeful]
        self.knowledge.take(taken)
        return bool(taken)

    def _reaches(
        self, transfers: Iterable[TransferCost], launches: Iterable[LaunchCost]
    ) -> Reaches:
        expected = self.expected.launches if self.expected is not None else ()
        about = self.knowledge.network, self.board, self.batch
        return Reaches(*about, transfers, launches, expected)

    def _promising(self, hopeful: Mapping[Placement, Chance]) -> list[Placement]:
        """Of every layer the best of each device and number of threads that may win."""
        left = self.knowledge.left
        best: dict[tuple[str, str, int], Placement] = {}
        for placement in hopeful:
            signature, device, configuration = placement
            median = left[signature, device][configuration].time.median
            known = best.setdefault((signature, device, configuration.threads), placement)
            if median < left[known[0], known[1]][known[2]].time.median:
                best[signature, device, configuration.threads] = placement
        return list(best.values())

    def _hopeful(self, choices: Mapping[Key, Choice], reaches: Reaches) -> dict[Placement, Chance]:
        """All placements that may be in the best plan; the doubts of the others are noted."""
        shapes = self.knowledge.shapes
        everything = {
            self._signature(node): self.knowledge.chances(self._signature(node), choices)
            for node in shapes
        }
        by_layer = {
            node.name: list(everything[self._signature(node)].values())
            for node in self.knowledge.network.nodes
        }
        bound = whole_bound(by_layer, reaches) if all(by_layer.values()) else float("inf")
        least = floors(by_layer) if bound < float("inf") else dict.fromkeys(by_layer, 0.0)
        total = sum(least.values())
        found: dict[Placement, Chance] = {}
        for node in shapes:
            mine = everything[self._signature(node)]
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


def is_timed(candidate: Candidate) -> bool:
    """Whether a candidate has been timed as often as all are at least."""
    return candidate.hopeless or candidate.settled or len(candidate.samples) >= MIN_SAMPLES
