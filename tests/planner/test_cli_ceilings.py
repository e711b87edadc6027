"""Ceilings on the command line: measured, kept, and set against every layer."""

import json

import pytest

from bnnplan.backends.interface import Ceiling, Unavailable, Work
from bnnplan.backends.reference import ReferenceBackend

ALONE = ("--devices", "reference0")
CEILINGS = (
    Ceiling(Work.CYCLES, "clock", 1, 1e9),
    Ceiling(Work.BIT_PRODUCTS, "counted", 1, 1e10),
    Ceiling(Work.BYTES_READ, "memory", 1, 1e9),
)


@pytest.fixture
def measured(monkeypatch):
    """Let the reference backend state ceilings, and count how often it is asked."""
    asked = []

    def ceilings(self, device):
        asked.append(device.name)
        return CEILINGS

    monkeypatch.setattr(ReferenceBackend, "ceilings", ceilings)
    return asked


def rates(board):
    (mine,) = [d for d in board["devices"] if d["name"] == "reference0"]
    return [ceiling["rate"] for ceiling in mine["ceilings"]]


def rows_of(out, *titles):
    """Cells by layer of the table with these titles."""
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if all(title in line for title in titles))
    return [line.split() for line in lines[start + 1 :]]


def test_devices_measures_ceilings_only_if_asked(bnnplan, measured):
    code, out, _ = bnnplan("devices", "--json")
    assert code == 0
    assert rates(json.loads(out)["board"]) == []
    assert measured == []
    code, out, err = bnnplan("devices", "--peak", "--json")
    assert code == 0, err
    assert rates(json.loads(out)["board"]) == [1e9, 1e10, 1e9]


def test_devices_shows_ceilings_and_why_some_are_unknown(bnnplan, monkeypatch, measured):
    code, out, err = bnnplan("devices", "--peak")
    assert code == 0, err
    assert "counted" in out
    assert "10.0 G/s" in out
    assert "no ceilings: onnxruntime0: backend onnxruntime measures no ceilings" in out
    lost = Unavailable("reference0", "its clock has stopped")
    monkeypatch.setattr(ReferenceBackend, "ceilings", lambda self, device: lost)
    assert "no ceilings: reference0: its clock has stopped" in bnnplan("devices", "--peak")[1]
    document = json.loads(bnnplan("devices", "--peak", "--json")[1])
    assert {"name": "reference0", "reason": "its clock has stopped"} in document["no_ceilings"]


def test_a_copy_of_another_board_cannot_be_measured(bnnplan, tmp_path):
    code, _, err = bnnplan("devices", "--peak", "--root", tmp_path)
    assert code == 2
    assert "--peak measures this machine" in err


def test_a_board_file_with_ceilings_spares_measuring_them(bnnplan, net, tmp_path, measured):
    board = tmp_path / "board.json"
    assert bnnplan("devices", "--peak", "-o", board)[0] == 0
    content = json.loads(board.read_text())
    assert content["version"] == 3
    (cpu, *_) = content["devices"]
    assert cpu["ceilings"]
    cpu["ceilings"] = cpu["ceilings"][:1]
    board.write_text(json.dumps(content))
    code, out, err = bnnplan(
        *("profile", net, "--board", board, "--devices", "cpu0", "--budget", "1", "--json")
    )
    assert code == 0, err
    (used,) = json.loads(out)["board"]["devices"]
    assert used["ceilings"] == cpu["ceilings"]


def test_profile_sets_layers_against_their_ceilings_and_keeps_these(bnnplan, net, measured):
    code, out, err = bnnplan("profile", net, *ALONE, "--budget", "1")
    assert code == 0, err
    shares = {cells[0]: cells[-2:] for cells in rows_of(out, "of ceiling", "set by")}
    # The reference backend is far from any ceiling, and bytes × ±1 have none here.
    assert shares["first"] == ["–", "–"]
    assert shares["second"][-1] == "counted"
    assert shares["flat"][-1] == "memory"
    assert "of ceiling: least time" in out
    assert measured == ["reference0"]
    document = json.loads(bnnplan("profile", net, *ALONE, "--budget", "1", "--json")[1])
    assert document["version"] == 4
    assert rates(document["board"]) == [1e9, 1e10, 1e9]
    assert measured == ["reference0"]
    assert bnnplan("profile", net, *ALONE, "--budget", "1", "--fresh")[0] == 0
    assert measured == ["reference0"] * 2


def test_profile_without_ceilings_says_why(bnnplan, net):
    code, out, err = bnnplan("profile", net, *ALONE, "--budget", "1")
    assert code == 0, err
    assert "no ceilings: reference0: backend reference measures no ceilings" in out
    shares = {cells[0]: cells[-2:] for cells in rows_of(out, "of ceiling")}
    assert all(shares[name] == ["–", "–"] for name in ("first", "second", "flat", "dense"))


def test_compare_sets_the_plans_layers_against_their_ceilings(bnnplan, net, measured):
    arguments = ("compare", net, *ALONE, "--seconds", "0.1")
    code, out, err = bnnplan(*arguments, "--json")
    assert code == 0, err
    layers = {row["name"]: row for row in json.loads(out)["layers"]}
    second = layers["second"]
    assert second["ceiling"] == "counted"
    # 4 × 4 windows of 3 × 3 taps with a pad of 1: 10 × 10 taps of 16 channels and 16 filters.
    assert second["least_ns"] == pytest.approx(100 * 16 * 16 / 10)
    assert second["measured_ns"] > second["least_ns"]
    assert layers["first"]["least_ns"] is None
    out = bnnplan(*arguments)[1]
    assert any(cells[0] == "second" and cells[-1] == "counted" for cells in rows_of(out, "set by"))


def test_compare_without_ceilings_says_why_in_json_too(bnnplan, net):
    code, out, err = bnnplan("compare", net, *ALONE, "--seconds", "0.1", "--json")
    assert code == 0, err
    reason = "backend reference measures no ceilings"
    assert json.loads(out)["no_ceilings"] == [{"name": "reference0", "reason": reason}]


def test_ceilings_of_a_board_file_count_though_the_profile_is_kept(
    bnnplan, net, tmp_path, measured
):
    assert bnnplan("profile", net, *ALONE, "--budget", "1")[0] == 0
    assert measured == ["reference0"]
    plan, board = tmp_path / "plan.json", tmp_path / "board.json"
    detected = json.loads(bnnplan("devices", "--json")[1])["board"]
    (mine,) = [d for d in detected["devices"] if d["name"] == "reference0"]
    mine["ceilings"] = [{"work": "bytes-read", "name": "stated", "threads": 1, "rate": 1e9}]
    head = {"schema": "bnnplan.board", "version": 3}
    board.write_text(json.dumps({**head, **detected, "devices": [mine]}))
    arguments = (net, "--board", board, *ALONE)
    code, _, err = bnnplan("solve", *arguments, "-o", plan)
    assert code == 0, err
    assert rates(json.loads(plan.read_text())["board"]) == [1e9]
    code, out, err = bnnplan("compare", *arguments, "--seconds", "0.1", "--json")
    assert code == 0, err
    layers = {row["name"]: row for row in json.loads(out)["layers"]}
    assert layers["flat"]["ceiling"] == "stated"
    assert measured == ["reference0"]
    # What one file states is no concern of those who do not name it.
    assert bnnplan("profile", *arguments, "--budget", "1")[0] == 0
    assert bnnplan("profile", *arguments, "--budget", "1", "--fresh")[0] == 0
    assert measured == ["reference0"]
    document = json.loads(bnnplan("profile", net, *ALONE, "--budget", "1", "--json")[1])
    assert rates(document["board"]) == [1e9, 1e10, 1e9]
