"""Characterizes a board: what layers of any shape cost on it, from layers made to be measured.

* The layers are designed: every operator family in its turn, their sizes filling their space
  evenly (:mod:`.sequence`), fusions and batch sizes included.
* They are measured in chains, each behind a layer that has just written its input, so that the
  caches are as in a network; configurations take turns, and so do chains, so that each is timed at
  several moments.
* The first and the last layers of a chain are always the same, the probe: it tells the pace of the
  machine meanwhile (:mod:`.pace`). What layers took is told in times of the probe beside them, by
  runs of about the usual pace; those of other moments only count where there are no others.
* What they took is fitted by terms that the loops really have (:mod:`bnnplan.planner.descriptors`,
  :mod:`bnnplan.planner.fitting`), on one thread and on several apart. Which cache bytes come from
  follows from what a program touches between two uses of them.
"""

from bnnplan.planner.characterizing.coverage import (
    barely_measured,
    covers,
    missing_families,
)
from bnnplan.planner.characterizing.session import BUDGET, Options, characterize

__all__ = [
    "BUDGET",
    "Options",
    "barely_measured",
    "characterize",
    "covers",
    "missing_families",
]
