"""Characterizes a board: measures designed layers for a while, and fits what they cost."""

from __future__ import annotations

import datetime
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from attrs import frozen

from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer
from bnnplan.planner.board import Board, BoardError
from bnnplan.planner.board_model import BoardModel, BoardModelError, FamilyModel, TeamModel
from bnnplan.planner.characterizing.chains import chain_of
from bnnplan.planner.characterizing.designs import designed_layers
from bnnplan.planner.characterizing.measuring import (
    PROBE,
    OpenChain,
    chains,
    measure_launches,
)
from bnnplan.planner.characterizing.samples import Measurements, Sample
from bnnplan.planner.descriptors import descriptors, family_of, weight_terms, workspace_terms
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.fitting import Fit, fit_sizes, fit_terms
from bnnplan.planner.profile import Conditions, LaunchCost, Origin, TransferCost
from bnnplan.planner.profiling import Progress
from bnnplan.planner.profiling.building import governor
from bnnplan.planner.profiling.transfers import measure_transfers
from bnnplan.planner.version import bnnplan_version

BUDGET = 180.0
"""Seconds, where nothing else is asked for."""
FEWEST = 3
"""Samples of a family in a variant: from fewer nothing is concluded."""
MOST_OPEN, OPEN_BYTES = 64, 1 << 27
"""Chains that take turns, and about what they may take of the memory."""
FEWEST_APART = 12
"""Samples on one thread, and on several, from which on they are fitted apart."""
TOLERANCE = 0.05
"""The error of a family that is worth aiming for; above twice that a person is warned."""
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
    return BoardModel(
        board=board,
        origin=Origin.PREDICTED,
        families=families,
        transfers=transfers,
        launches=launches_of(board, found),
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


def launches_of(board: Board, found: Measurements) -> list[LaunchCost]:
    """What starting and finishing a program takes on every device that can run the probe."""
    return [
        LaunchCost(device.name, threads, ns)
        for device in board.devices
        for threads, ns in sorted(measure_launches(board, device.name, found).items())
    ]


def _transfers(board: Board) -> tuple[TransferCost, ...]:
    return measure_transfers(Workbench(chain_of([PROBE]), board), largest=LARGEST_BYTES)


def measure_board(board: Board, options: Options, found: Measurements, tell: Progress) -> None:
    """Measure chains on one device after the other, each being given the same time.

    Several chains are open at a time and take turns, so that each is timed at several moments.
    What was measured is in `found` also if this is interrupted.
    """
    begin = time.monotonic()
    sources = {device.name: chains(designed_layers(options.seed)) for device in board.devices}
    spent = dict.fromkeys(sources, 0.0)
    refused: dict[str, str] = {}
    opened: dict[str, deque[OpenChain]] = {name: deque() for name in sources}
    try:
        while len(refused) < len(sources):
            share = (time.monotonic() - begin) / options.budget
            if share >= 1:
                break
            device = min((d for d in sources if d not in refused), key=lambda name: spent[name])
            tell(share, f"measuring layers on {device}")
            start = time.monotonic()
            try:
                _go_on(opened[device], sources[device], board, device, options.seed, found)
            except BnnplanError as error:
                if not any(sample.device == device for sample in found.samples):
                    refused[device] = str(error)
            spent[device] += time.monotonic() - start
    finally:
        for chain in itertools.chain.from_iterable(opened.values()):
            found.samples += chain.samples(found)
    if len(refused) == len(sources):
        raise BoardError("; ".join(f"{name}: {reason}" for name, reason in refused.items()))


def _go_on(
    opened: deque[OpenChain],
    source: Iterator[list[BoundLayer]],
    board: Board,
    device: str,
    seed: int,
    found: Measurements,
) -> None:
    """Time a round of a new chain while there is room, else of the one that waits longest."""
    if len(opened) < MOST_OPEN and sum(chain.touched for chain in opened) < OPEN_BYTES:
        chain = OpenChain(next(source), board, device, seed)
    else:
        chain = opened.popleft()
    chain.time_round(found)
    if chain.is_done:
        found.samples += chain.samples(found)
    else:
        opened.append(chain)


def fitted_families(board: Board, samples: list[Sample]) -> list[FamilyModel]:
    """A model of every family, device and variant of which there are enough samples."""
    return [
        _fitted(board, *key, mine)
        for key, mine in by_family(samples).items()
        if len(mine) >= FEWEST
    ]


def by_family(samples: list[Sample]) -> dict[tuple[str, str, str], list[Sample]]:
    """Samples by device, family and variant, in this order."""
    groups: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in samples:
        key = sample.device, family_of(sample.bound), sample.configuration.variant
        groups.setdefault(key, []).append(sample)
    return dict(sorted(groups.items()))


def time_terms(board: Board, samples: list[Sample]) -> list[Mapping[str, float]]:
    """What of each sample costs time, in the program in which it was measured."""
    return [
        descriptors(s.bound, board.device(s.device), s.configuration, s.distances) for s in samples
    ]


def fitted_times(board: Board, samples: list[Sample]) -> tuple[Fit, Fit | None]:
    """What one thread takes, and what the busiest of several, of samples of one family.

    They are fitted apart, as threads share more than their work; together where too few samples
    are of the one kind or the other.
    """
    alone = [sample for sample in samples if sample.configuration.threads == 1]
    team = [sample for sample in samples if sample.configuration.threads > 1]
    if min(len(alone), len(team)) < FEWEST_APART:
        return _fit(board, samples), None
    return _fit(board, alone), _fit(board, team)


def _fit(board: Board, samples: list[Sample]) -> Fit:
    return fit_terms(time_terms(board, samples), [sample.ns for sample in samples])


def _fitted(
    board: Board, device: str, family: str, variant: str, samples: list[Sample]
) -> FamilyModel:
    where = board.device(device)
    alone, team = fitted_times(board, samples)

    def terms(of: Callable[..., Mapping[str, float]]) -> list[Mapping[str, float]]:
        return [of(sample.bound, where, sample.configuration) for sample in samples]

    return FamilyModel(
        family=family,
        device=device,
        variant=variant,
        nanoseconds=alone.coefficients,
        weight_bytes=fit_sizes(terms(weight_terms), [s.weight_bytes for s in samples]),
        workspace_bytes=fit_sizes(terms(workspace_terms), [s.workspace_bytes for s in samples]),
        error=alone.error,
        team=TeamModel(team.coefficients, team.error) if team is not None else None,
    )
