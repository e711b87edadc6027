import json

import attrs
import pytest

from bnnplan.backends.interface import Device, MemorySpace, Unavailable
from bnnplan.backends.reference import ReferenceBackend
from bnnplan.backends.registry import Backends
from bnnplan.models.errors import FileError
from bnnplan.planner.board import Board, BoardError, Link, detect_board, load_board, save_board


def device(name="d", **changes):
    return Device(
        **{
            "name": name,
            "backend": "reference",
            "kind": "cpu",
            "description": "test",
            "space": MemorySpace("host", 1000),
            "resources": {"core:0"},
            **changes,
        }
    )


def test_detected_board_has_the_reference_device_only_when_asked():
    assert "reference0" in [d.name for d in detect_board(oracles=True).board.devices]
    assert "reference0" not in [d.name for d in detect_board().board.devices]


def test_file_round_trip(tmp_path):
    board = Board("b", [device("x"), device("y", resources={"core:1", "core:2"})])
    save_board(board, tmp_path / "board.json")
    assert load_board(tmp_path / "board.json") == board


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Board("b", []), "no devices"),
        (lambda: Board("b", [device("x"), device("x")]), "'x' twice"),
        (lambda: Board("b", [device(threads=0)]), "threads"),
        (lambda: Board("b", [device(threads=10**30)]), "threads"),
        (lambda: Board("b", [device(space=MemorySpace("host", 10**30))]), "capacity"),
        (lambda: Board("b", [device(space=MemorySpace("host", -1))]), "negative"),
        (lambda: Board("b", [device("user")]), "cannot be called 'user'"),
        (lambda: Board("b", [device(space=MemorySpace("user"))]), "cannot be called 'user'"),
        (lambda: Link("host", "gpu", bandwidth=-1.0), "bandwidth"),
        (lambda: Link("host", "gpu", bandwidth=float("nan")), "bandwidth"),
        (lambda: Link("host", "gpu", bandwidth=1.0, latency=-1.0), "latency"),
        (lambda: Board("b", [device()], [Link("host", "moon", 1.0)]), "unknown space 'moon'"),
        (
            lambda: Board("b", [device("x"), device("y", space=MemorySpace("host", 5))]),
            "two capacities",
        ),
    ],
)
def test_impossible_boards_are_refused(build, words):
    with pytest.raises(BoardError, match=words):
        build()


def test_unknown_backend_in_a_file(tmp_path):
    path = tmp_path / "board.json"
    save_board(Board("b", [device(backend="quantum")]), path)
    with pytest.raises(BoardError, match="needs backend 'quantum'"):
        load_board(path)


def test_a_processor_without_cores_in_a_file(tmp_path):
    path = tmp_path / "board.json"
    save_board(Board("b", [device(resources=())]), path)
    with pytest.raises(BoardError, match="names no core"):
        load_board(path)


def test_more_threads_than_cores_in_a_file(tmp_path):
    path = tmp_path / "board.json"
    two = {"core:0", "core:1", "queue:x"}
    save_board(Board("b", [device(resources=two, threads=2)]), path)
    assert load_board(path).devices[0].threads == 2
    save_board(Board("b", [device(resources=two, threads=3)]), path)
    with pytest.raises(BoardError, match=r"board\.json: device 'd' has 3 threads but only 2 cores"):
        load_board(path)


@pytest.mark.parametrize("stated", ["fast", None])
def test_an_instruction_set_that_is_in_use_or_not_stated(tmp_path, monkeypatch, stated):
    use(monkeypatch, isa="fast")
    path = tmp_path / "board.json"
    properties = {} if stated is None else {"isa": stated}
    save_board(Board("b", [device(properties=properties)]), path)
    assert load_board(path).devices[0].properties == properties


def test_an_instruction_set_that_is_not_in_use(tmp_path, monkeypatch):
    use(monkeypatch, isa="fast")
    path = tmp_path / "board.json"
    save_board(Board("b", [device(properties={"isa": "faster"})]), path)
    with pytest.raises(BoardError, match="the instruction set 'faster', but fast is in use here"):
        load_board(path)


def use(monkeypatch, isa):
    """Let the reference backend be one whose kernels are of an instruction set."""
    plugins = Backends({"reference": Plugin(properties={"isa": isa})}, [])
    monkeypatch.setattr("bnnplan.planner.board.load_backends", lambda: plugins)


@pytest.mark.parametrize("change", ["schema", "version", "extra", "type"])
def test_wrong_files_name_file_and_reason(tmp_path, change):
    path = tmp_path / "board.json"
    save_board(Board("b", [device()]), path)
    content = json.loads(path.read_text())
    if change == "schema":
        content["schema"] = "bnnplan.plan"
    elif change == "version":
        content["version"] = 99
    elif change == "extra":
        content["surprise"] = 1
    else:
        content["devices"][0]["threads"] = "many"
    path.write_text(json.dumps(content))
    with pytest.raises(FileError, match=r"board\.json"):
        load_board(path)


def test_fingerprint_depends_on_devices_but_not_on_the_name():
    board = Board("b", [device()])
    assert board.fingerprint == attrs.evolve(board, name="c").fingerprint
    slower = device(properties={"driver": "2"})
    assert board.fingerprint != Board("b", [slower]).fingerprint


def test_unknown_device_lists_those_there_are():
    with pytest.raises(BoardError, match="it has x, y"):
        Board("b", [device("x"), device("y")]).only(["z"])


class Plugin(ReferenceBackend):
    """A backend with a device that says about itself what the test wants."""

    def __init__(self, **claims):
        self.claims = claims

    def devices(self):
        (found,), _ = super().devices()
        return [attrs.evolve(found, **self.claims)], []


def test_a_device_that_cannot_stand_beside_the_others_is_left_out_with_a_reason():
    usable = {
        "one": Plugin(name="x"),
        "two": Plugin(name="x"),
        "three": Plugin(name="y", threads=0),
        "four": Plugin(name="user"),
    }
    found = detect_board(Backends(usable, []))
    assert [d.name for d in found.board.devices] == ["x"]
    reasons = {missing.name: missing.reason for missing in found.unavailable}
    assert "twice" in reasons["two x"]
    assert "threads" in reasons["three y"]
    assert "cannot be called 'user'" in reasons["four user"]


def test_a_machine_without_devices_says_why():
    with pytest.raises(BoardError, match="no device can be used here: gpu: the driver is missing"):
        detect_board(Backends({}, [Unavailable("gpu", "the driver is missing")]))


def test_an_instruction_set_that_cannot_be_forced_is_an_error(monkeypatch):
    faulty = Backends({"one": Plugin()}, [Unavailable("cpu", 'BNNPLAN_ISA is "x"')])
    assert detect_board(faulty).unavailable
    monkeypatch.setenv("BNNPLAN_ISA", "x")
    with pytest.raises(BoardError, match="BNNPLAN_ISA"):
        detect_board(faulty)
