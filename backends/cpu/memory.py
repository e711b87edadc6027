"""Sizes of the host's memory."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

from bnnplan.models.errors import FileError


@frozen
class Memory:
    """Main memory.

    Parameters
    ----------
    total, available : int
        Bytes.
    """

    total: int
    available: int


def memory(root: Path = Path("/")) -> Memory | None:
    """Main memory of the machine whose `/proc` lies below a root; None if it does not tell.

    Raises
    ------
    FileError
        If `proc/meminfo` is there but names no total.
    """
    path = root / "proc/meminfo"
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return None
    sizes = {
        name: int(kilobytes) * 1024
        for name, kilobytes in re.findall(r"^(\w+):\s+([0-9]+) kB$", text, re.MULTILINE)
    }
    if "MemTotal" not in sizes:
        raise FileError(f"{path}: no line 'MemTotal: … kB'; take the dump again")
    available = sizes.get("MemAvailable", sizes.get("MemFree", sizes["MemTotal"]))
    return Memory(sizes["MemTotal"], available)
