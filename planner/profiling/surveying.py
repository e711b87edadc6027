"""Which placements of a network are there: all that is prepared, right, and not given up before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from bnnplan.models.graph import Network, Node
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import Origin, Profile, ProfileError
from bnnplan.planner.profiling.candidates import Choice, survey
from bnnplan.planner.profiling.elimination import Elimination
from bnnplan.planner.profiling.options import Progress
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.statistics import within

SHARE = 0.2
"""Of all that is told as progress."""


def signatures_of(network: Network, batch: int) -> dict[str, str]:
    """By name of node what layers of one shape have in common, which share all times."""
    return {node.name: network.bind(node, batch).signature for node in network.nodes}


class Survey:
    """The placements of a network that can be timed.

    Parameters
    ----------
    bench : Workbench
    oracle : Oracle
    signatures : mapping of str to str
        By name of node.
    elimination : Elimination or None
        Knows what need not be prepared.
    progress : callable
    """

    def __init__(
        self,
        bench: Workbench,
        oracle: Oracle,
        signatures: Mapping[str, str],
        elimination: Elimination | None,
        progress: Progress,
    ) -> None:
        self.bench = bench
        self.oracle = oracle
        self.signatures = signatures
        self.elimination = elimination
        self.progress = progress
        self.choices: dict[tuple[str, str], Choice] = {}
        self.seconds = 0.0
        """Of preparing and checking."""

    def look(self) -> None:
        """Prepare and check what is not yet, and is not given up before.

        Raises
        ------
        ProfileError
            If some layer has no placement at all; the message lists the reasons.
        """
        begin = time.monotonic()
        pairs = [(n, d.name) for n in self.bench.network.nodes for d in self.bench.board.devices]
        fresh: dict[tuple[str, str], Choice] = {}
        for index, (node, device) in enumerate(pairs):
            key = (self.signatures[node.name], device)
            before = self.choices.get(key)
            skipped = [c.configuration for c in before.candidates] if before else []
            if self.elimination is not None:
                skipped += self.elimination.skipped(node, device)
            choice = survey(self.bench, node, device, self.oracle, skipped)
            if key not in fresh:
                fresh[key] = choice
            else:
                fresh[key].keep_common(choice)
            self.progress(SHARE * index / len(pairs), f"checking {node.name} on {device}")
        for key, choice in fresh.items():
            self.choices.setdefault(key, Choice(choice.device, [], [])).take_in(choice)
        self.seconds += time.monotonic() - begin
        self._require_any()

    def _require_any(self) -> None:
        for node in self.bench.network.nodes:
            chances = list(self.of(node))
            if not any(c.candidates for c in chances) and not self._is_left(node):
                reasons = "; ".join(
                    f"{r.device}: {r.reason}" for choice in chances for r in choice.rejections
                )
                raise ProfileError(f"no device can run layer {node.name!r}: {reasons}")

    def _is_left(self, node: Node) -> bool:
        """Whether there is something to prepare still where all that was prepared has failed."""
        devices = (device.name for device in self.bench.board.devices)
        return self.elimination is not None and any(
            self.elimination.skipped(node, device) for device in devices
        )

    def settle(self, earlier: Profile, tolerance: float) -> None:
        """Leave out what an earlier run has measured well enough."""
        for name, costs in earlier.layers.items():
            for before in costs.placements:
                for candidate in self.choices[self.signatures[name], before.device].candidates:
                    if candidate.configuration == before.configuration:
                        is_measured = before.origin is Origin.MEASURED and before.time.stable
                        candidate.settled = is_measured and within(before.time, tolerance)

    def choice(self, node: Node, device: str) -> Choice:
        """What a layer can be on a device."""
        return self.choices[self.signatures[node.name], device]

    def of(self, node: Node) -> Iterator[Choice]:
        """What a layer can be on each device."""
        return (self.choice(node, device.name) for device in self.bench.board.devices)

    def waiting(self, tolerance: float) -> list[Choice]:
        """Where more samples are needed."""
        return [choice for choice in self.choices.values() if choice.active(tolerance)]

    def share_done(self, tolerance: float) -> float:
        """Of all placements those that need no more samples."""
        total = sum(len(choice.candidates) for choice in self.choices.values())
        active = sum(len(choice.active(tolerance)) for choice in self.choices.values())
        return (total - active) / max(total, 1)
