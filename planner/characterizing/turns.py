"""Chains that are open at a time on one device, and take turns."""

from __future__ import annotations

from collections import deque

from bnnplan.planner.board import Board
from bnnplan.planner.characterizing.chains import chains
from bnnplan.planner.characterizing.designs import designed_layers
from bnnplan.planner.characterizing.measuring import OpenChain
from bnnplan.planner.characterizing.samples import Measurements

MOST_OPEN = 64
"""Chains."""
MOST_BYTES, SHARE = 1 << 28, 8
"""That they may hold of the memory: so much, and of a small memory no more than such a part."""


class Queue:
    """Chains of designed layers without end, of which those that are open wait for their turn.

    Parameters
    ----------
    board : Board
    device : str
    seed : int
        Another one gives other layers.
    found : Measurements
        What is timed is added there when a chain is done.
    """

    def __init__(self, board: Board, device: str, seed: int, found: Measurements) -> None:
        self.board = board
        self.device = device
        self.seed = seed
        self.found = found
        self.has_timed = False
        """Whether any chain could be timed."""
        self._source = chains(designed_layers(seed))
        self._open: deque[OpenChain] = deque()
        capacity = board.device(device).space.capacity
        self._room = MOST_BYTES if capacity is None else min(MOST_BYTES, capacity // SHARE)

    def go_on(self) -> None:
        """Time a round of a new chain while there is room, else of the one that waits longest.

        Raises
        ------
        BnnplanError
            If that chain cannot be timed; it is dropped then.
        """
        held = sum(chain.held_bytes for chain in self._open)
        if not self._open or (len(self._open) < MOST_OPEN and held < self._room):
            chain = OpenChain(next(self._source), self.board, self.device, self.seed)
        else:
            chain = self._open.popleft()
        goes_on = False
        try:
            chain.time_round(self.found)
            self.has_timed = True
            goes_on = not chain.is_done
        finally:
            # Also after Ctrl-C: what was timed so far counts.
            if goes_on:
                self._open.append(chain)
            else:
                self.found.samples += chain.samples(self.found)

    def close(self) -> None:
        """Take what was timed of the chains that are still open."""
        while self._open:
            self.found.samples += self._open.popleft().samples(self.found)
