"""Characterizes a board: measures designed layers for a while, and fits what they cost."""

from __future__ import annotations

import datetime
import os
import time

from attrs import frozen

from bnnplan.models.errors import BnnplanError
from bnnplan.planner.board import Board, BoardError
from bnnplan.planner.board_model import BoardModel, BoardModelError
from bnnplan.planner.characterizing.chains import chain_of
from bnnplan.planner.characterizing.fitted import fitted_families
from bnnplan.planner.characterizing.launches import launches_of
from bnnplan.planner.characterizing.probes import BITS
from bnnplan.planner.characterizing.samples import Measurements
from bnnplan.planner.characterizing.turns import Queue
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import Conditions, LaunchCost, Origin, TransferCost
from bnnplan.planner.profiling import Progress
from bnnplan.planner.profiling.building import governor
from bnnplan.planner.profiling.transfers import measure_transfers
from bnnplan.planner.version import bnnplan_version

BUDGET = 180.0
"""Seconds, where nothing else is asked for."""
TOLERANCE = 0.05
"""The error of a family that is worth aiming for."""
LARGEST_BYTES = 1 << 22
"""Of the tensors whose transfers are measured."""


@frozen
class Options:
    """How long to measure, and which layers of all that could be designed.

    Parameters
    ----------
    budget : float
        Seconds of measuring; fitting takes some more.
    seed : int
    """

    budget: float = BUDGET
    seed: int = 0


def characterize(
    board: Board, *, options: Options | None = None, progress: Progress | None = None
) -> BoardModel:
    """Measure designed layers on every device of a board, and fit a model of each family.

    Kernels are not checked against the reference here, which is too slow for layers that are
    large enough to be measured: that they are right is for profiles and the conformance kit.
    Ctrl-C while layers are measured ends that early: the model says that it is not complete.

    Parameters
    ----------
    board : Board
    options : Options, optional
    progress : callable, optional

    Raises
    ------
    BoardError
        If no device can be measured; the message lists the reasons.
    BoardModelError
        If too little was measured to fit anything.
    KeyboardInterrupt
        If that is so because of Ctrl-C.
    """
    wanted = options or Options()
    tell = progress or (lambda share, text: None)
    begin, load = time.monotonic(), os.getloadavg()[0]
    found = Measurements()
    transfers: tuple[TransferCost, ...] = ()
    interrupted = False
    try:
        tell(0.0, "transfers")
        transfers = _transfers(board)
        measure_board(board, wanted, found, tell)
    except KeyboardInterrupt:
        interrupted = True
    tell(1.0, "fitting")
    families = fitted_families(board, found.usual())
    if not families:
        if interrupted:
            raise KeyboardInterrupt
        raise BoardModelError(
            f"too little was measured on board {board.name!r} to fit what layers cost; "
            "characterize with a larger --budget"
        )
    launches: list[LaunchCost] = []
    try:
        launches = launches_of(board, found)
    except KeyboardInterrupt:
        # They take a few seconds, and what was fitted took minutes.
        interrupted = True
    return BoardModel(
        board=board,
        origin=Origin.PREDICTED,
        families=families,
        transfers=transfers,
        launches=launches,
        conditions=Conditions(
            date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            bnnplan=bnnplan_version(),
            governor=governor(),
            load=load,
            seconds=round(time.monotonic() - begin, 3),
            tolerance=TOLERANCE,
            complete=not interrupted,
        ),
    )


def _transfers(board: Board) -> tuple[TransferCost, ...]:
    return measure_transfers(Workbench(chain_of([BITS.probe]), board), largest=LARGEST_BYTES)


def measure_board(board: Board, options: Options, found: Measurements, tell: Progress) -> None:
    """Measure chains on one device after the other, each being given the same time.

    Several chains are open at a time and take turns, so that each is timed at several moments.
    What was measured is in `found` also if this is interrupted.

    Raises
    ------
    BoardError
        If no device could time anything; the message lists the reasons.
    """
    begin = time.monotonic()
    queues = {
        device.name: Queue(board, device.name, options.seed, found) for device in board.devices
    }
    spent = dict.fromkeys(queues, 0.0)
    refused: dict[str, str] = {}
    try:
        while len(refused) < len(queues):
            share = (time.monotonic() - begin) / max(options.budget, 1e-9)
            if share >= 1:
                break
            device = min((name for name in queues if name not in refused), key=spent.__getitem__)
            tell(share, f"measuring layers on {device}")
            start = time.monotonic()
            try:
                queues[device].go_on()
            except BnnplanError as error:
                # Later ones are of single layers, such as one that has no room.
                if not queues[device].has_timed:
                    refused[device] = str(error)
            spent[device] += time.monotonic() - start
    finally:
        for queue in queues.values():
            queue.close()
    if len(refused) == len(queues):
        raise BoardError("; ".join(f"{name}: {reason}" for name, reason in refused.items()))
