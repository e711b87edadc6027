"""Which placements of a network are worth timing, and what each has shown so far."""

from __future__ import annotations

import math
from collections.abc import Collection

from attrs import define, field, frozen

from bnnplan.backends.interface import Configuration, Kernel
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Node
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import PlacementCost, Rejection, Time
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.statistics import summarize

HOPELESS = 6.0
"""A configuration this many times slower than the best of its device is timed no further."""
PAUSE = 50_000_000
"""Nanoseconds for which a scheduler may take the core away from a run that takes none itself."""
MIN_SAMPLES = 15
MAX_SAMPLES = 2000
"""What is not stable by then is as noisy as its machine; its row says so."""
ANY_THREADS = 1 << 30


@define
class Candidate:
    """One configuration of one layer shape on one device, with its samples."""

    configuration: Configuration
    kernel: Kernel
    first: int
    """Nanoseconds of the fastest of the first runs, alone."""
    samples: list[int] = field(factory=list)
    hopeless: bool = False
    settled: bool = False
    """Whether an earlier run has timed it well enough."""
    allowance: float = 0.0
    """Nanoseconds: half an interval that is no wider is narrow enough, whatever its share."""
    fewest: int = MIN_SAMPLES
    """Samples that it takes, however steady they are."""
    moment: float = 0.0
    """Seconds that samples are spread over before they decide anything."""
    _began: float = field(default=math.inf, init=False)
    _ended: float = field(default=-math.inf, init=False)
    _summaries: dict[tuple[int, float], Time] = field(factory=dict, init=False, eq=False)

    def waits(self, tolerance: float) -> bool:
        """Whether it needs more samples."""
        if self.hopeless or self.settled or len(self.samples) >= MAX_SAMPLES:
            return False
        if len(self.samples) < self.fewest or not self.is_spread:
            return True
        time = self.time(tolerance)
        return not time.stable and time.high - time.low > 2 * self.allowance

    def was_timed(self, begin: float, end: float) -> None:
        """Note when samples were taken, in seconds of any clock."""
        self._began, self._ended = min(self._began, begin), max(self._ended, end)

    @property
    def is_spread(self) -> bool:
        """Whether the samples are of more than one moment."""
        return max(0.0, self._ended - self._began) >= self.moment

    def time(self, tolerance: float) -> Time:
        """What the samples say so far."""
        # Every round asks for this of every candidate, few of which have new samples.
        key = len(self.samples), tolerance
        if key not in self._summaries:
            self._summaries[key] = summarize(self.samples or [self.first], tolerance=tolerance)
        return self._summaries[key]

    def cost(self, device: str, tolerance: float) -> PlacementCost:
        """The placement as the profile states it."""
        kernel = self.kernel
        return PlacementCost(
            device,
            self.configuration,
            self.time(tolerance),
            kernel.weight_bytes,
            kernel.workspace_bytes,
            kernel.input_formats,
            kernel.output_formats,
        )


@frozen
class Choice:
    """The candidates of one layer shape on one device, and what was ruled out."""

    device: str
    candidates: list[Candidate]
    rejections: list[Rejection]

    def take_in(self, more: Choice) -> None:
        """Add what was surveyed later."""
        self.candidates.extend(more.candidates)
        self.rejections.extend(r for r in more.rejections if r not in self.rejections)

    def keep_common(self, other: Choice) -> None:
        """Layers of one shape are timed together, so what one of them rejects no one may use."""
        allowed = {candidate.configuration for candidate in other.candidates}
        self.candidates[:] = [c for c in self.candidates if c.configuration in allowed]
        known = {(r.configuration, r.reason) for r in self.rejections}
        self.rejections.extend(
            r for r in other.rejections if (r.configuration, r.reason) not in known
        )

    def active(self, tolerance: float, threads: int = ANY_THREADS) -> list[Candidate]:
        """Candidates of up to so many threads that need more samples, the fewest first."""
        waiting = [c for c in self._within(threads) if c.waits(tolerance)]
        return sorted(waiting, key=lambda c: len(c.samples))

    @property
    def is_hopeless(self) -> bool:
        """Whether all candidates are given up."""
        return all(candidate.hopeless for candidate in self.candidates)

    def best(self, threads: int = ANY_THREADS) -> Candidate:
        """The fastest candidate of up to so many threads, or of all if none has so few."""
        return min(
            self._within(threads) or self.candidates, key=lambda c: c.time(tolerance=0).median
        )

    def _within(self, threads: int) -> list[Candidate]:
        return [c for c in self.candidates if c.configuration.threads <= threads]

    def drop_hopeless(self, tolerance: float) -> None:
        """Rule out whatever is far slower than the best once a few samples are there."""
        best = self.best().time(tolerance).median
        for candidate in self.candidates:
            if candidate.time(tolerance).low > HOPELESS * best:
                candidate.hopeless = True


def survey(
    bench: Workbench,
    node: Node,
    device: str,
    oracle: Oracle,
    skipped: Collection[Configuration] = (),
) -> Choice:
    """Prepare and check every configuration of a layer on a device that is not skipped.

    A configuration that is not bit-exact, or that cannot be prepared, is rejected with a reason.
    """
    backend, where = bench.backends[device], bench.device(device)
    bound = bench.network.bind(node, bench.batch)
    reason = backend.supports(bound, where)
    if reason is not None:
        return Choice(device, [], [Rejection(device, "", reason)])
    choice = Choice(device, [], [])
    for configuration in backend.configurations(bound, where):
        if configuration in skipped:
            continue
        try:
            kernel = bench.kernel(node, device, configuration)
            first = oracle.check_and_time(node, device, kernel)
        except Exception as error:
            # A fault of a plugin, of whatever kind, costs its own configuration, not the profile.
            reason = str(error) if isinstance(error, BnnplanError) else repr(error)
            choice.rejections.append(Rejection(device, configuration.label, reason))
            continue
        choice.candidates.append(Candidate(configuration, kernel, first))
    if choice.candidates:
        limit = HOPELESS * min(candidate.first for candidate in choice.candidates)
        for candidate in choice.candidates:
            if limit < candidate.first < PAUSE:
                # Judged for good by one moment: look again at another one.
                again = oracle.check_and_time(node, device, candidate.kernel)
                candidate.first = min(candidate.first, again)
            candidate.hopeless = candidate.first > limit
    return choice
