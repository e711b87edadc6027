"""Which part of a board a rail of its supply feeds, by the name that the board gives it.

NVIDIA's names: ``VDD_IN`` (TX2, Xavier NX, Orin NX), ``POM_5V_IN`` (Nano) and ``VIN_SYS_5V0`` (AGX
boards) are a whole module; ``VDD_CPU_GPU_CV`` feeds CPU and GPU together (Jetson Linux Developer
Guide, platform power and performance).
"""

from __future__ import annotations

import re

from bnnplan.planner.sensors.sensor import Part

_MEMORY = re.compile(r"DDR|VDDQ|VDD2|DRAM|MEM", re.IGNORECASE)
_BOARD = re.compile(r"(VDD|5V|19V|MUX|VIN|SYS)_?IN\b|VIN_SYS|^VIN|TOTAL|BOARD", re.IGNORECASE)


def part_of(label: str) -> Part:
    """The part that a rail of this name feeds; `OTHER` if its name does not tell."""
    upper = label.upper()
    has_cpu, has_gpu = "CPU" in upper or "CORE" in upper, "GPU" in upper
    if has_cpu and has_gpu:
        return Part.CPU_AND_GPU
    if has_gpu:
        return Part.GPU
    if has_cpu:
        return Part.CORES
    if _MEMORY.search(label):
        return Part.MEMORY
    return Part.BOARD if _BOARD.search(label) else Part.OTHER
