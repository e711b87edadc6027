"""How precisely what is left must be timed: until the plan can hardly change any more.

Two rules; it is enough if one of them is kept.

* *Whole.* The latency is known within the tolerance, and choosing the fastest of what is left is
  expected to lose next to nothing. Errors of layers are independent, as they are timed in turns, so
  they add up as squares do; what is expected to be lost adds up as it is. Stopping once the
  expected loss of a wrong choice is small is due to Chick and Inoue, "New two-stage and sequential
  procedures for selecting the best simulated system", Operations Research 49(5), 2001.
* *Parts.* Every placement that is left is known within its layer's share of what the whole may be
  off; n layers that may each be off by 1/√n of that make no more of it together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bnnplan.planner.profiling.candidates import Choice
from bnnplan.planner.profiling.dominance import Chance
from bnnplan.planner.profiling.knowledge import Key, chance
from bnnplan.planner.profiling.risk import doubt

CHOICE = 0.5
"""The share of the tolerance that is left to the choice among placements that are still equal."""
LOSS = 0.1
"""The share of the tolerance that may be expected to be lost by choosing among those left."""


def allow(choices: Mapping[Key, Choice], names: Sequence[str], tolerance: float) -> None:
    """Say of every placement how far its time may be off.

    Parameters
    ----------
    choices : mapping of (str, str) to Choice
    names : sequence of str
        The signatures of all layers.
    tolerance : float
    """
    counts = Counter(names)
    left = {signature: list(_left(choices, signature)) for signature in counts}
    best = {s: min(mine, key=lambda one: one.median) for s, mine in left.items() if mine}
    whole = sum(counts[s] * one.median for s, one in best.items())
    off = math.hypot(*(counts[s] * (one.high - one.low) / 2 for s, one in best.items()))
    lost = sum(
        counts[signature] * doubt(other, best[signature], 0.0).regret
        for signature, mine in left.items()
        for other in mine
        if other is not best[signature]
    )
    share = CHOICE * tolerance * whole / math.sqrt(len(counts))
    if off <= tolerance * whole and lost <= LOSS * tolerance * whole:
        share = math.inf
    for (signature, _), choice in choices.items():
        for candidate in choice.candidates:
            candidate.allowance = share / counts[signature]


def _left(choices: Mapping[Key, Choice], signature: str) -> Iterator[Chance]:
    """What is known of all placements of a layer that may still win."""
    for (mine, device), choice in choices.items():
        if mine == signature:
            for candidate in choice.candidates:
                if not candidate.hopeless:
                    yield chance(device, candidate)
