"""What layers took, told by what the probe took beside them."""

from __future__ import annotations

import attrs
import numpy as np
from attrs import define, field, frozen

from bnnplan.backends.interface import Configuration, Kernel
from bnnplan.models.graph import BoundLayer, Node
from bnnplan.planner.characterizing.pace import NEAR, Pace
from bnnplan.planner.descriptors import Distances, family_of

FEWEST_RUNS = 5
"""That count however the pace was."""
QUIET = 0.25
"""Share of these runs that are the quickest: what the slowest of them takes is the time."""
FEWEST, SHARE = 12, 0.1
"""Samples of a family on so many threads that count in any case, and their share: those nearest to
the usual pace."""


@frozen
class Sample:
    """What a layer took on a device in a configuration.

    Parameters
    ----------
    bound : BoundLayer
    device : str
    configuration : Configuration
    ns : float
        The lower quartile of the runs, told at their pace: others who use the memory too only
        slow it down.
    probe_ns : float
        What the probe took an image in the same runs.
    weight_bytes, workspace_bytes : int
    distances : Distances
        In the programs that it was timed in.
    """

    bound: BoundLayer
    device: str
    configuration: Configuration
    ns: float
    probe_ns: float
    weight_bytes: int
    workspace_bytes: int
    distances: Distances


@define
class Trial:
    """A configuration of a layer of a chain, and what it took so far between two probes."""

    node: Node
    kernel: Kernel
    runs: list[tuple[float, float, float]] = field(factory=list)
    """Nanoseconds of the layer, and an image of the probe before and after it."""

    def sample(self, device: str, distances: Distances, pace: Pace) -> Sample:
        """What those runs say that were nearest to the usual pace."""
        runs = np.array(self.runs, float)
        ratios = runs[:, 1:] / pace.usual
        off = np.maximum(ratios, 1 / ratios).max(axis=1)
        times, first, last = runs[off <= max(NEAR, float(np.sort(off)[:FEWEST_RUNS][-1]))].T
        probes, kernel = (first + last) / 2, self.kernel
        probe = float(np.median(probes))
        return Sample(
            kernel.bound,
            device,
            kernel.configuration,
            max(1.0, float(np.quantile(times / probes, QUIET)) * probe),
            probe,
            kernel.weight_bytes,
            kernel.workspace_bytes,
            distances,
        )


@define
class Measurements:
    """All that was measured: layers, and the pace by device and threads."""

    samples: list[Sample] = field(factory=list)
    paces: dict[tuple[str, int], Pace] = field(factory=dict)

    def pace(self, device: str, threads: int) -> Pace:
        """The pace of a device on so many threads."""
        return self.paces.setdefault((device, threads), Pace())

    def usual(self) -> list[Sample]:
        """The samples of moments of about the usual pace, told at exactly that pace.

        Samples of other moments only count where others are too few.
        """
        seen = {(s.device, s.configuration.threads) for s in self.samples}
        usual = {key: self.paces[key].usual for key in seen}
        kinds: dict[tuple[str, str, str, int], list[tuple[float, Sample]]] = {}
        for sample in self.samples:
            how = sample.configuration
            probe = usual[sample.device, how.threads]
            ratio = sample.probe_ns / probe
            told = attrs.evolve(sample, ns=sample.ns / ratio, probe_ns=probe)
            key = sample.device, family_of(sample.bound), how.variant, how.threads
            kinds.setdefault(key, []).append((max(ratio, 1 / ratio), told))
        found = []
        for mine in kinds.values():
            mine.sort(key=lambda pair: pair[0])
            fewest = max(FEWEST, round(SHARE * len(mine)))
            limit = max(NEAR, *(off for off, _ in mine[:fewest]))
            found += [told for off, told in mine if off <= limit]
        return found
