"""Models of families from what was measured: what each costs on a device in a variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bnnplan.planner.board import Board
from bnnplan.planner.board_model import FamilyModel, TeamModel
from bnnplan.planner.characterizing.samples import Sample
from bnnplan.planner.descriptors import descriptors, family_of, weight_terms, workspace_terms
from bnnplan.planner.fitting import Fit, fit_sizes, fit_terms

FEWEST = 3
"""Samples of a family in a variant: from fewer nothing is concluded."""
FEWEST_APART = 12
"""Samples on one thread, and on several, from which on they are fitted apart."""


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
