import attrs
import pytest

from bnnplan.backends.interface import MemorySpace
from bnnplan.planner.board import Board, detect_board


@pytest.fixture(scope="session")
def reference_board():
    """The reference device alone."""
    return detect_board(oracles=True).board.only(["reference0"])


@pytest.fixture(scope="session")
def two_references(reference_board):
    """Two devices that compute alike, with disjoint cores and spaces of their own."""
    (device,) = reference_board.devices
    return Board(
        "pair",
        [
            attrs.evolve(device, name="a", resources={"core:0"}),
            attrs.evolve(device, name="b", resources={"core:1"}, space=MemorySpace("far", None)),
        ],
    )
