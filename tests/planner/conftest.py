import signal
import sys

import attrs
import pytest
from networks import chain

from bnnplan.backends.interface import MemorySpace
from bnnplan.models.network_file import save_network
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.cli import main


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


@pytest.fixture
def bnnplan(monkeypatch, capsys, tmp_path):
    """Run a command in a fresh cache; gives exit code, standard output and standard error."""
    monkeypatch.setenv("BNNPLAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    # Ceilings need not be right here, but they must not take seconds.
    monkeypatch.setattr("bnnplan.backends.cpu.peak.SECONDS", 1e-3)
    monkeypatch.setattr("bnnplan.backends.cpu.peak.MOST_MEMORY", 0)

    def invoke(*arguments):
        monkeypatch.setattr(sys, "argv", ["bnnplan", *map(str, arguments)])
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            # It handles them until its process ends, which this one does not.
            for number, handler in handlers.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "chain.bnn"
    save_network(chain(), path)
    return path
