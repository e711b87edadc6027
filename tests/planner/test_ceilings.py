"""Ceilings of a board: who is asked, what is kept, and what files hold of them."""

import json

import attrs
import pytest
from networks import chain
from test_board import device

from bnnplan.backends.interface import Ceiling, DeviceError, Unavailable, Work
from bnnplan.backends.reference import ReferenceBackend
from bnnplan.backends.registry import Backends
from bnnplan.models.errors import FileError
from bnnplan.planner.board import Board, load_board, save_board
from bnnplan.planner.cache import keep_profile, profile_path
from bnnplan.planner.ceilings import measure_ceilings, profile_ceilings
from bnnplan.planner.profile import load_profile
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.report.ceilings import ceiling_table, share_of_ceiling
from bnnplan.planner.roofline import Bound

CEILINGS = (
    Ceiling(Work.CYCLES, "clock", 1, 2e9),
    Ceiling(Work.BIT_PRODUCTS, "counted", 1, 4e11, "fast"),
    Ceiling(Work.BYTES_READ, "L1", 1, 6e10, capacity=32768),
    Ceiling(Work.CYCLES, "clock", 2, 3e9),
    Ceiling(Work.BIT_PRODUCTS, "counted", 2, 6e11, "fast"),
    Ceiling(Work.BYTES_READ, "L1", 2, 9e10, capacity=32768),
)


class Measuring(ReferenceBackend):
    """A backend whose devices have the ceilings that a test wants; it counts who asks."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def ceilings(self, device):
        self.asked.append(device.name)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def measured(answer, *devices):
    backend = Measuring(answer)
    found, unknown = measure_ceilings(
        Board("b", devices or [device("x")]), Backends({"reference": backend}, [])
    )
    return found, unknown, backend.asked


def test_ceilings_are_measured_where_the_board_states_none():
    known = device("known", ceilings=CEILINGS[:1])
    board, unknown, asked = measured(CEILINGS, known, device("new"))
    assert asked == ["new"]
    assert board.device("known").ceilings == CEILINGS[:1]
    assert board.device("new").ceilings == CEILINGS
    assert unknown == ()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Unavailable("x", "no clock here"), "no clock here"),
        (DeviceError("device x was lost"), "device x was lost"),
        (RuntimeError("a bug"), "RuntimeError('a bug')"),
        ((attrs.evolve(CEILINGS[0], rate=-1.0),), "the rate must be from 1"),
        (None, "TypeError"),
    ],
)
def test_a_device_without_ceilings_costs_only_its_own(answer, reason):
    board, (unknown,), _ = measured(answer)
    assert board.device("x").ceilings == ()
    assert unknown.name == "x"
    assert reason in unknown.reason


def test_a_backend_that_measures_none_says_so():
    unknown = ReferenceBackend().ceilings(device("x"))
    assert unknown == Unavailable("x", "backend reference measures no ceilings")
    _, (missing,) = measure_ceilings(Board("b", [device(backend="gone")]), Backends({}, []))
    assert "gone is not installed" in missing.reason


def test_board_files_keep_ceilings(tmp_path):
    board = Board("b", [device("x", ceilings=CEILINGS), device("y")])
    save_board(board, tmp_path / "board.json")
    again = load_board(tmp_path / "board.json")
    assert [d.ceilings for d in again.devices] == [CEILINGS, ()]


OLD_BOARD = {
    "schema": "bnnplan.board",
    "version": 1,
    "name": "old",
    "devices": [
        {
            "name": "d",
            "backend": "reference",
            "kind": "cpu",
            "description": "test",
            "space": {"name": "host", "capacity": 1000},
            "resources": ["core:0"],
            "threads": 1,
            "properties": {},
        }
    ],
    "links": [],
}


def test_a_board_file_of_version_1_is_read(tmp_path):
    path = tmp_path / "board.json"
    path.write_text(json.dumps(OLD_BOARD))
    assert load_board(path) == Board("old", [device()])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("rate", 0.0, "device 'd': ceiling 'clock': the rate must be from 1 to 1e\\+24 a second"),
        ("rate", 1e-300, "the rate must be from 1"),
        ("rate", 1e300, "the rate must be from 1"),
        ("threads", 0, "threads must be from 1"),
        ("capacity", -5, "capacity must be from 1"),
        ("work", "miracles", r"devices\[0\]\.ceilings\[0\]\.work"),
        ("speed", 1, "speed"),
    ],
)
def test_impossible_ceilings_in_a_file_are_refused(tmp_path, field, value, words):
    path = tmp_path / "board.json"
    save_board(Board("b", [device(ceilings=CEILINGS[:1])]), path)
    content = json.loads(path.read_text())
    content["devices"][0]["ceilings"][0][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(FileError, match=words):
        load_board(path)


def test_a_profile_does_not_depend_on_ceilings():
    board = Board("b", [device()])
    assert board.fingerprint == Board("b", [device(ceilings=CEILINGS)]).fingerprint
    assert board == Board("b", [device(ceilings=CEILINGS)])


@pytest.fixture(scope="module")
def profile(reference_board):
    return profile_network(chain(), reference_board, options=Options(tolerance=0.5, budget=0.1))


def with_ceilings(board, ceilings):
    return attrs.evolve(board, devices=[attrs.evolve(d, ceilings=ceilings) for d in board.devices])


def test_a_profile_takes_ceilings_of_the_board_given_before_its_own(profile, reference_board):
    mine = attrs.evolve(profile, board=with_ceilings(profile.board, CEILINGS[:3]))
    kept, _ = profile_ceilings(mine, reference_board)
    assert kept.board.devices[0].ceilings == CEILINGS[:3]
    given, unknown = profile_ceilings(mine, with_ceilings(reference_board, CEILINGS))
    assert given.board.devices[0].ceilings == CEILINGS
    assert unknown == ()
    without, (missing,) = profile_ceilings(profile, reference_board)
    assert without.board.devices[0].ceilings == ()
    assert missing.name == "reference0"


def test_a_kept_profile_holds_the_ceilings(profile, monkeypatch, tmp_path):
    monkeypatch.setenv("BNNPLAN_CACHE", str(tmp_path / "cache"))
    known = attrs.evolve(profile, board=with_ceilings(profile.board, CEILINGS))
    keep_profile(chain(), known)
    again = load_profile(profile_path(chain(), profile.board, 1))
    assert again.board.devices[0].ceilings == CEILINGS


def test_the_table_gives_rates_for_one_and_all_threads_and_for_a_cycle():
    table = ceiling_table((device("x", threads=2, ceilings=CEILINGS), device("y")))
    clock, counted, level = [cells for cells, _ in table.rows]
    assert clock == ("x", "clock", "2.00 GHz", "1.50 GHz", "")
    assert counted == ("", "counted (fast)", "400 G/s", "600 G/s", "200")
    assert level == ("", "L1 (read, 32.0 KiB)", "60.0 GB/s", "90.0 GB/s", "30")


def test_a_share_of_a_ceiling_names_it():
    least = Bound(250.0, CEILINGS[1])
    assert share_of_ceiling(least, 1000) == ("25 %", "counted")
    assert share_of_ceiling(least, 10_000) == ("2.5 %", "counted")
    assert share_of_ceiling(least, 0) == ("25000 %", "counted")
    assert share_of_ceiling(None, 1000) == ("–", "–")
