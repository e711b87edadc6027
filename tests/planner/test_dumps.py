"""Boards that are not here: read from copies of their /sys."""

import json
from pathlib import Path

import attrs
import pytest

from bnnplan.backends.interface import Device, MemorySpace
from bnnplan.planner.board import BoardError, dumped_board, load_board, save_board
from bnnplan.planner.gpus import idle_gpus

DUMPS = Path(__file__).parents[1] / "data" / "sysfs"


@pytest.fixture
def vim3(tmp_path):
    for name, content in json.loads((DUMPS / "khadas_vim3.json").read_text()).items():
        path = tmp_path / "vim3" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "vim3"


def test_a_dump_is_a_board_with_its_clusters(vim3, tmp_path):
    board = dumped_board(vim3)
    assert [(d.name, sorted(d.resources)) for d in board.devices] == [
        ("cpu0", ["core:2", "core:3", "core:4", "core:5"]),
        ("cpu1", ["core:0", "core:1"]),
    ]
    save_board(board, tmp_path / "board.json")
    assert load_board(tmp_path / "board.json") == board


def test_a_folder_without_sys_is_no_dump(tmp_path):
    with pytest.raises(BoardError, match="copy /sys there"):
        dumped_board(tmp_path)


def card(root, number, vendor):
    folder = root / "sys/class/drm" / f"card{number}" / "device"
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(vendor)


def test_a_gpu_without_a_driver_is_told(tmp_path):
    card(tmp_path, 0, "0x10de\n")
    card(tmp_path, 1, "0x1af4\n")
    (gpu,) = idle_gpus([], tmp_path)
    assert gpu.name == "NVIDIA GPU"
    assert "OpenCL driver" in gpu.reason


def test_a_gpu_that_a_backend_drives_is_not_told(tmp_path):
    card(tmp_path, 0, "0x10de\n")
    driven = Device("opencl0", "opencl", "gpu", "GPU", MemorySpace("opencl0"), {"queue:opencl0"})
    assert idle_gpus([driven], tmp_path) == []
    assert idle_gpus([attrs.evolve(driven, kind="cpu")], tmp_path) != []
