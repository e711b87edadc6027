"""About how long measuring everything would have taken, from what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from bnnplan.planner.profile import PlacementCost
from bnnplan.planner.profiling.candidates import HOPELESS, MAX_SAMPLES, MIN_SAMPLES, Choice

RUNS_A_ROUND = 4
"""That are timed by layers; one comes before, to warm up, and one after, to tell the launch."""


def full_rounds(
    signatures: Mapping[str, str],
    choices: Mapping[tuple[str, str], Choice],
    unprepared: Mapping[str, Sequence[PlacementCost]],
    rounds: Mapping[str, float],
    tolerance: float,
) -> float:
    """Seconds that timing every placement until it is stable would take.

    Every program has one configuration of each layer, so the layer that needs most samples tells
    how many programs there are. The width of a median's interval goes with the square root of the
    samples, which gives how many a configuration would have needed that was given up, or known
    well enough, before; where there are none, the usual number counts.

    Parameters
    ----------
    signatures : mapping of str to str
        By name of node; equal ones share samples.
    choices : mapping of (signature, device) to Choice
    unprepared : mapping of str to sequence of PlacementCost
        By signature: predicted costs of what was not even run.
    rounds : mapping of str to float
        Mean seconds of timing one program, by device; others take what their layers are predicted.
    tolerance : float
    """
    names = list(signatures.values())
    known = [
        many for choice in choices.values() for _, many in _measured(choice, tolerance) if many
    ]
    usual = statistics.median(known) if known else MIN_SAMPLES
    devices = {device for _, device in choices}
    devices |= {cost.device for costs in unprepared.values() for cost in costs}
    seconds = 0.0
    for device in devices:
        most, once = 0.0, 0.0
        for signature in set(names):
            choice = choices.get((signature, device))
            pairs = list(_measured(choice, tolerance)) if choice else []
            pairs += [
                (cost.time.median, 0.0)
                for cost in unprepared.get(signature, ())
                if cost.device == device
            ]
            if not pairs:
                continue
            limit = HOPELESS * min(median for median, _ in pairs)
            needed = sum(many or usual for median, many in pairs if median <= limit)
            most = max(most, needed / names.count(signature) / RUNS_A_ROUND)
            once += names.count(signature) * statistics.mean(median for median, _ in pairs)
        seconds += most * rounds.get(device, once * (RUNS_A_ROUND + 2) * 1e-9)
    return seconds


def _measured(choice: Choice, tolerance: float) -> Iterator[tuple[int, float]]:
    """Median of each candidate, and the samples until it is stable; 0 where that is unknown."""
    for candidate in choice.candidates:
        time = candidate.time(tolerance)
        many = 0.0
        if len(candidate.samples) >= RUNS_A_ROUND:
            wanted = 2 * tolerance * max(time.median, 1)
            many = len(candidate.samples) * ((time.high - time.low) / wanted) ** 2
            many = min(MAX_SAMPLES, max(MIN_SAMPLES, many))
        yield time.median, many
