"""Names of core types, from `proc/cpuinfo` or from what Arm cores say of themselves in sysfs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

from bnnplan.backends.cpu.sysfs import read_text

IMPLEMENTERS = {
    0x41: {
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD40: "Neoverse-V1",
        0xD0E: "Cortex-A76AE",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4B: "Cortex-A78C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
    },
    0x4E: {
        0x003: "Denver-2",
        0x004: "Carmel",
    },
    0x51: {
        0x802: "Kryo-3XX-Gold",
        0x803: "Kryo-3XX-Silver",
        0x804: "Kryo-4XX-Gold",
        0x805: "Kryo-4XX-Silver",
    },
}
"""Core types by the implementer and part that Arm cores report; as in util-linux' lscpu."""

_MIDR = "sys/devices/system/cpu/cpu{}/regs/identification/midr_el1"
"""Main identification register of an Arm core, where the kernel shows it."""
_FIELD = re.compile(r"^([\w ]+?)\s*:\s*(.*)$", re.MULTILINE)


def core_names(root: Path, cores: Iterable[int] = ()) -> dict[int, str]:
    """Names of the types of cores, as far as they are known.

    Parameters
    ----------
    root : Path
        Folder with ``proc`` and ``sys``.
    cores : iterable of int
        Those to ask in ``sys`` if ``proc/cpuinfo`` does not tell them one by one.
    """
    found = _listed(root)
    for core in cores:
        register = _MIDR.format(core)
        text = None if found.get(core) else read_text(root / register)
        with contextlib.suppress(ValueError):
            number = int(text or "", 16)
            found[core] = arm_core(number >> 24 & 0xFF, number >> 4 & 0xFFF)
    return found


def arm_core(implementer: int, part: int) -> str:
    """Name of the type of Arm cores with these numbers."""
    known = IMPLEMENTERS.get(implementer, {}).get(part)
    return known or f"core {implementer:#x}:{part:#x}"


def _listed(root: Path) -> dict[int, str]:
    try:
        text = (root / "proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return {}
    found = {}
    for block in text.split("\n\n"):
        fields = dict(_FIELD.findall(block))
        if fields.get("processor", "").isdecimal():
            found[int(fields["processor"])] = _name(fields)
    return found


def _name(fields: dict[str, str]) -> str:
    try:
        return arm_core(int(fields["CPU implementer"], 16), int(fields["CPU part"], 16))
    except (KeyError, ValueError):
        return fields.get("model name", "")
