"""The board model: what layers of any shape cost on a board, as sums of terms a person can read.

A model of an operator family in a kernel variant is ``time = Σ coefficient · term``. Terms are what
the loop nests really do (:mod:`bnnplan.planner.descriptors`); coefficients are nanoseconds a unit,
never negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.files import converter, read_json, structure, write_json
from bnnplan.planner.board import Board
from bnnplan.planner.descriptors import (
    names_of_terms,
    names_of_weight_terms,
    names_of_workspace_terms,
)
from bnnplan.planner.profile import MOST, Conditions, LaunchCost, Origin, TransferCost

SCHEMA = "bnnplan.board-model"
VERSION = 1


class BoardModelError(BnnplanError):
    """A board model that cannot be, or that does not cover what is asked of it."""


@frozen
class FittedError:
    """How far a model is off on layers that it was not fitted to, in shares of the measured time.

    Parameters
    ----------
    mean, median : float
        Of the absolute errors.
    low, high : float
        Predicted times these give the interval in which 95 of 100 measured times lay.
    samples : int
        Layers; 0 where nothing was measured.
    """

    mean: float
    median: float
    low: float
    high: float
    samples: int

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.low <= self.high < MOST or not 0 <= self.mean < MOST:
            raise BoardModelError(
                f"errors must be shares of at least 0, with low up to high, not {self.mean}, "
                f"{self.low} and {self.high}"
            )


@frozen
class TeamModel:
    """What a family costs on several threads, which share a memory and often more.

    Parameters
    ----------
    nanoseconds : mapping of str to float
        By term, of the busiest thread.
    error : FittedError
    """

    nanoseconds: Mapping[str, float] = field(converter=as_dict)
    error: FittedError


@frozen
class FamilyModel:
    """What one operator family costs on one device in one kernel variant.

    Parameters
    ----------
    family : str
        Of :func:`bnnplan.planner.descriptors.family_of`.
    device : str
    variant : str
        Of the configurations; threads and axes are in the terms.
    nanoseconds : mapping of str to float
        By term of :func:`bnnplan.planner.descriptors.names_of_terms`, at least 0; terms that are
        not named cost nothing.
    weight_bytes, workspace_bytes : mapping of str to float
        By term of sizes, in the same way.
    error : FittedError
        Of the times.
    team : TeamModel or None
        Of times on more than one thread; None where the others are of any number.
    """

    family: str
    device: str
    variant: str
    nanoseconds: Mapping[str, float] = field(converter=as_dict)
    weight_bytes: Mapping[str, float] = field(converter=as_dict)
    workspace_bytes: Mapping[str, float] = field(converter=as_dict)
    error: FittedError
    team: TeamModel | None = None

    def __attrs_post_init__(self) -> None:
        team = self.team.nanoseconds if self.team is not None else {}
        for figures in (self.nanoseconds, team, self.weight_bytes, self.workspace_bytes):
            for term, figure in figures.items():
                if not 0 <= figure < MOST:
                    raise BoardModelError(
                        f"family {self.family!r} on {self.device!r}: coefficient {term!r} must be "
                        f"from 0 to {MOST}, not {figure}"
                    )

    def times(self, threads: int) -> tuple[Mapping[str, float], FittedError]:
        """Nanoseconds by term on so many threads, and how far they are off."""
        if threads > 1 and self.team is not None:
            return self.team.nanoseconds, self.team.error
        return self.nanoseconds, self.error


@frozen
class BoardModel:
    """What layers, transfers and launches cost on a board.

    Parameters
    ----------
    board : Board
    origin : Origin
        ``predicted`` where it was fitted to measurements, ``modelled`` where it was made from
        published figures.
    families : tuple of FamilyModel
    transfers : tuple of TransferCost
    launches : tuple of LaunchCost
    conditions : Conditions or None
        When and how it was measured; None where it was not.
    sources : tuple of str
        Where published figures come from.

    Raises
    ------
    BoardModelError
        If a family has a term that none of its layers has, or a device is not of the board.
    """

    board: Board
    origin: Origin
    families: tuple[FamilyModel, ...] = field(converter=as_tuple)
    transfers: tuple[TransferCost, ...] = field(converter=as_tuple)
    launches: tuple[LaunchCost, ...] = field(converter=as_tuple)
    conditions: Conditions | None = None
    sources: tuple[str, ...] = field(default=(), converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        if self.origin is Origin.MEASURED:
            raise BoardModelError("the origin of a board model must be predicted or modelled")
        for family in self.families:
            _require_known(family, self.board.device(family.device).backend)
        for launch in self.launches:
            self.board.device(launch.device)


def _require_known(family: FamilyModel, backend: str) -> None:
    """Raise BoardModelError where a term is one that no layer has, which would cost nothing."""
    for figures, known in (
        (family.nanoseconds, names_of_terms(family.family, backend)),
        (family.times(2)[0], names_of_terms(family.family, backend)),
        (family.weight_bytes, names_of_weight_terms(backend)),
        (family.workspace_bytes, names_of_workspace_terms(backend)),
    ):
        unknown = sorted(figures.keys() - known)
        if unknown:
            raise BoardModelError(
                f"family {family.family!r} on {family.device!r}: no layer has a term "
                f"{unknown[0]!r}; the model is of another version of bnnplan: make it again with "
                "'bnnplan characterize' or 'bnnplan boards'"
            )


def save_board_model(model: BoardModel, path: Path) -> None:
    """Write a board model file (schema ``bnnplan.board-model``)."""
    write_json(path, SCHEMA, VERSION, converter().unstructure(model))


def load_board_model(path: Path) -> BoardModel:
    """Read a board model file; FileError with file, field and reason where that is impossible."""
    model: BoardModel = structure(read_json(path, SCHEMA, VERSION), BoardModel, path)
    return model
