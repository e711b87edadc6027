"""Boards that are not here on the command line, and power that sensors tell."""

import json

import attrs
import pytest

from bnnplan.backends.interface import Unavailable
from bnnplan.planner.board import load_board
from bnnplan.planner.board_model import load_board_model
from bnnplan.planner.power_draw import PowerDraw

LAPTOP = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0xf" allowed_cpuset="0xf">
    <object type="Package" os_index="0">
      <info name="CPUModel" value="A laptop"/>
      <object type="NUMANode" os_index="0" local_memory="8589934592"/>
      <object type="Core" os_index="0">
        <object type="PU" os_index="0"/><object type="PU" os_index="1"/>
      </object>
      <object type="Core" os_index="1">
        <object type="PU" os_index="2"/><object type="PU" os_index="3"/>
      </object>
    </object>
  </object>
  <cpukind cpuset="0xf"><info name="FrequencyMaxMHz" value="4000"/></cpukind>
</topology>
"""


def test_boards_are_listed(bnnplan):
    code, out, err = bnnplan("boards")
    assert code == 0, err
    (line,) = [line for line in out.splitlines() if line.startswith("khadas-vim3")]
    assert "4 × Cortex-A73" in line
    document = json.loads(bnnplan("boards", "--json")[1])
    assert "rk3399" in [board["name"] for board in document["boards"]]


def test_a_board_is_shown_with_its_sources(bnnplan):
    code, out, err = bnnplan("boards", "jetson-tx2")
    assert code == 0, err
    assert "59.7 GB/s" in out
    assert "https://developer.nvidia.com/embedded/jetson-tx2" in out
    document = json.loads(bnnplan("boards", "jetson-tx2", "--json")[1])
    assert document["schema"] == "bnnplan.board-description"
    assert document["memory_bandwidth"] == {"value": 59700000000.0, "source": "tx2", "note": ""}


def test_a_board_that_is_not_described_is_one_line(bnnplan):
    code, out, err = bnnplan("boards", "commodore-64")
    assert (code, out) == (1, "")
    assert "raspberry-pi-4" in err
    assert err.count("\n") == 1
    assert bnnplan("boards", "-o", "x.json")[0] == 2


def test_the_model_of_a_board_is_written_and_planned_with(bnnplan, net, tmp_path):
    model = tmp_path / "model.json"
    code, out, err = bnnplan("boards", "raspberry-pi-4", "-o", model)
    assert code == 0, err
    assert "modelled, not measured" in out
    assert load_board_model(model).board.name == "raspberry-pi-4"
    answers = [bnnplan("predict", net, "--board-model", text) for text in (model, "raspberry-pi-4")]
    assert answers[0] == answers[1]
    assert answers[0][0] == 0
    assert "modelled" in answers[0][1]


def test_a_network_is_planned_for_a_board_by_its_name(bnnplan, net, tmp_path):
    plan = tmp_path / "plan.json"
    code, out, err = bnnplan("solve", net, "--board-model", "khadas-vim3", "-o", plan)
    assert code == 0, err
    assert "modelled" in out
    assert json.loads(plan.read_text())["board"]["name"] == "khadas-vim3"


def test_an_unknown_board_model_is_one_line(bnnplan, net):
    code, _, err = bnnplan("predict", net, "--board-model", "khadas-vim4")
    assert code == 1
    assert "khadas-vim3" in err
    assert err.count("\n") == 1


def test_clusters_are_read_from_hwloc(bnnplan, tmp_path):
    path, board = tmp_path / "laptop.xml", tmp_path / "board.json"
    path.write_text(LAPTOP)
    code, out, err = bnnplan("devices", "--hwloc", path, "-o", board)
    assert code == 0, err
    assert "2 × A laptop at 4.00 GHz" in out
    assert [sorted(d.resources) for d in load_board(board).devices] == [["core:0", "core:2"]]
    path.write_text("no XML")
    code, _, err = bnnplan("devices", "--hwloc", path)
    assert code == 1
    assert "laptop.xml" in err


@pytest.mark.parametrize("option", ["--peak", "--power"])
def test_what_is_elsewhere_is_not_measured(bnnplan, tmp_path, option):
    path = tmp_path / "laptop.xml"
    path.write_text(LAPTOP)
    code, _, err = bnnplan("devices", option, "--hwloc", path)
    assert code == 2
    assert f"{option} measures this machine" in err
    assert bnnplan("devices", "--root", tmp_path, "--hwloc", path)[0] == 2


@pytest.fixture
def drawn(monkeypatch):
    """Let the first device be measured, and the others be unknown for one reason."""

    def measure(board):
        first, *others = board.devices
        known = attrs.evolve(board, devices=[attrs.evolve(first, power_watts=6.5), *others])
        lost = [Unavailable(device.name, "nothing sees it") for device in others]
        return known, (PowerDraw(first.name, 3.0, 9.5, ["rapl package-0"]),), tuple(lost)

    monkeypatch.setattr("bnnplan.planner.power_draw.measure_power", measure)


def test_power_is_shown_and_kept(bnnplan, drawn, tmp_path):
    board = tmp_path / "board.json"
    code, out, err = bnnplan("devices", "--power", "-o", board)
    assert code == 0, err
    assert "6.5 W" in out
    assert "rapl package-0" in out
    assert sum(line.startswith("no power: ") for line in out.splitlines()) == 1
    assert load_board(board).devices[0].power_watts == 6.5
    document = json.loads(bnnplan("devices", "--power", "--json")[1])
    assert document["power"][0]["busy_watts"] == 9.5
    assert document["no_power"][0]["reason"] == "nothing sees it"
