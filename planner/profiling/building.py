"""Makes the profile of what was measured, kept from before, and only predicted."""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from bnnplan.planner.profile import (
    Conditions,
    Eliminated,
    LaunchCost,
    LayerCosts,
    Origin,
    PlacementCost,
    Profile,
    TransferCost,
    shape_fingerprint,
)
from bnnplan.planner.profiling.rounds import Rounds
from bnnplan.planner.profiling.summary import eliminated
from bnnplan.planner.profiling.surveying import Survey
from bnnplan.planner.version import bnnplan_version


@frozen
class Measured:
    """All that a run of the profiler has measured.

    Parameters
    ----------
    survey : Survey
    rounds : Rounds
    transfers : tuple of TransferCost
    earlier : Profile or None
        That is gone on from.
    begin : float
        When it began, as `time.monotonic` has it.
    load : float
        Of the machine, before.
    """

    survey: Survey
    rounds: Rounds
    transfers: tuple[TransferCost, ...]
    earlier: Profile | None
    begin: float
    load: float

    def profile(self, *, complete: bool) -> Profile:
        """The profile; not complete if timing was interrupted."""
        bench, tolerance = self.survey.bench, self.rounds.tolerance
        layers = self._layers()
        earlier = self.earlier.conditions.seconds if self.earlier else 0.0
        return Profile(
            network=bench.network.name,
            network_fingerprint=shape_fingerprint(bench.network),
            board=bench.board,
            batch=bench.batch,
            layers=layers,
            transfers=self.transfers,
            launches=self._launches(),
            conditions=Conditions(
                date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                bnnplan=bnnplan_version(),
                governor=governor(),
                load=self.load,
                seconds=round(time.monotonic() - self.begin + earlier, 3),
                tolerance=tolerance,
                complete=complete,
                exhausted=bool(self.survey.waiting(tolerance)),
                elimination=self._eliminated(layers),
                model=self._model(layers),
            ),
        )

    def _layers(self) -> dict[str, LayerCosts]:
        bench, elimination = self.survey.bench, self.survey.elimination
        tolerance = self.rounds.tolerance
        layers = {}
        for node in bench.network.nodes:
            choices = list(self.survey.of(node))
            costs = [
                c.cost(choice.device, tolerance) for choice in choices for c in choice.candidates
            ]
            if elimination is not None:
                for device in bench.board.devices:
                    costs += elimination.predicted(node, device.name)
            placements = [self._kept(node.name, cost) for cost in costs]
            rejections = [r for choice in choices for r in choice.rejections]
            layers[node.name] = LayerCosts(placements, rejections)
        return layers

    def _kept(self, node: str, cost: PlacementCost) -> PlacementCost:
        """What an earlier run measured with more samples, if there is one."""
        for before in self.earlier.layers[node].placements if self.earlier else ():
            same = (before.device, before.configuration) == (cost.device, cost.configuration)
            if same and before.time.runs > cost.time.runs:
                return before
        return cost

    @property
    def _expected(self) -> Profile | None:
        elimination = self.survey.elimination
        return elimination.expected if elimination is not None else None

    def _launches(self) -> list[LaunchCost]:
        """What was measured, and what is predicted of devices that were not started."""
        measured = self.rounds.launches(self.earlier)
        devices = {cost.device for cost in measured}
        more = self._expected.launches if self._expected is not None else ()
        return measured + [cost for cost in more if cost.device not in devices]

    def _model(self, layers: Mapping[str, LayerCosts]) -> str:
        costs = (cost for mine in layers.values() for cost in mine.placements)
        if all(cost.origin is Origin.MEASURED for cost in costs):
            return ""
        return self._expected.conditions.model if self._expected is not None else ""

    def _eliminated(self, layers: Mapping[str, LayerCosts]) -> Eliminated | None:
        if self.survey.elimination is None:
            return None
        return eliminated(
            self.survey.elimination,
            self.survey.choices,
            layers,
            spent=time.monotonic() - self.begin,
            surveyed=self.survey.seconds,
            rounds={name: statistics.mean(taken) for name, taken in self.rounds.seconds.items()},
            tolerance=self.rounds.tolerance,
        )


def governor() -> str:
    """How the clock of the first core is governed, or that it is unknown."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"
