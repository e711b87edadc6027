"""Which families of layers a board model is of, of all that its devices run."""

from __future__ import annotations

from functools import cache

from bnnplan.backends.registry import load_backends
from bnnplan.models.graph import BoundLayer
from bnnplan.planner.board import Board
from bnnplan.planner.board_model import BoardModel
from bnnplan.planner.characterizing.designs import DESIGNS, layers_of
from bnnplan.planner.descriptors import family_of

USEFUL = 0.5
"""Share of the families of every device from which on a model that was interrupted is kept."""


@cache
def _examples() -> dict[str, BoundLayer]:
    """A layer of every family that is measured."""
    designed = (next(layers_of(design)) for design, _ in DESIGNS)
    return {family_of(bound): bound for bound in designed}


def families_run(board: Board) -> dict[str, frozenset[str]]:
    """The families that layers are designed of, by device of this machine that runs them."""
    usable = load_backends().usable
    return {
        device.name: frozenset(
            family
            for family, bound in _examples().items()
            if usable[device.backend].supports(bound, device) is None
        )
        for device in board.devices
        if device.backend in usable
    }


def missing_families(model: BoardModel) -> dict[str, list[str]]:
    """By device, the families that it runs and the model says nothing of; those of none left out.

    Parameters
    ----------
    model : BoardModel
        Of the board of this machine.
    """
    known = _covered(model)
    found = {
        device: sorted(family for family in families if (device, family) not in known)
        for device, families in families_run(model.board).items()
    }
    return {device: families for device, families in found.items() if families}


def barely_measured(model: BoardModel) -> list[str]:
    """The devices of whose families the model covers less than half."""
    missing, run = missing_families(model), families_run(model.board)
    return [name for name in run if len(missing.get(name, ())) > (1 - USEFUL) * len(run[name])]


def covers(model: BoardModel, other: BoardModel) -> bool:
    """Whether a model is of all families, on all devices, that another one is of."""
    return _covered(other) <= _covered(model)


def _covered(model: BoardModel) -> frozenset[tuple[str, str]]:
    return frozenset((family.device, family.family) for family in model.families)
