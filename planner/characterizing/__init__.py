"""Characterizes a board: what layers of any shape cost on it, from layers made to be measured.

* The layers are designed: every operator family in its turn, their sizes filling their space
  evenly (:mod:`.sequence`), fusions and batch sizes included.
* They are measured in chains, each behind a layer that has just written its input, so that the
  caches are as in a network; configurations take turns.
* The first and the last layer of a chain are always the same: runs in which these were slower
  than at their best were disturbed, and do not count where there are others.
* What they took is fitted by terms that the loops really have (:mod:`bnnplan.planner.descriptors`,
  :mod:`bnnplan.planner.fitting`).
"""

from bnnplan.planner.characterizing.coverage import covers, is_useful, missing_families
from bnnplan.planner.characterizing.session import BUDGET, Options, characterize

__all__ = [
    "BUDGET",
    "Options",
    "characterize",
    "covers",
    "is_useful",
    "missing_families",
]
