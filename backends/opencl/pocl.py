"""Repair of a fault in PoCL releases that are older than the processor they run on.

Such a PoCL (3.0, the newest one on PyPI, on AMD Zen 4 and newer) calls the processor "generic"
and then refuses every program, because its own compiler knows no processor of that name
(https://github.com/pocl/pocl/issues/1049). Later releases choose a name by the processor's
features instead. So does this module, by a table like theirs, and puts the name where this PoCL
keeps it: one pointer in the memory of this process, nothing on disk.

Nothing is touched unless a program was refused for this very reason and PoCL's record of the
device looks exactly as expected; the device's description says that it was done; and
``BNNPLAN_POCL_REPAIR=0`` forbids it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

SWITCH = "BNNPLAN_POCL_REPAIR"
PLATFORM = "Portable Computing Language"
SYMPTOM = "unknown target CPU 'generic'"

TRIPLE = b"x86_64-unknown-linux-gnu"
UNKNOWN = b"generic"
RECORD_BYTES = 1024
POINTER_BYTES = 8

AVX512 = "avx512f avx512bw avx512cd avx512dq avx512vl"
TARGETS = (
    (
        "icelake-server",
        f"{AVX512} avx512ifma avx512vbmi avx512_vbmi2 avx512_vnni avx512_bitalg avx512_vpopcntdq "
        "gfni vaes vpclmulqdq sha_ni rdpid",
    ),
    ("skylake-avx512", AVX512),
    ("haswell", "avx2 cx16 popcnt abm f16c fma bmi1 bmi2"),
    ("x86-64", "sse2"),
)
"""Names of processors, best first, with the features in /proc/cpuinfo that they need. PoCL links
its own library, built for the second, third or last of them, into kernels; the first extends the
second with instructions that count bits."""

_names: dict[str, ctypes.Array[ctypes.c_char]] = {}
"""PoCL keeps pointers to these, so they live as long as the process."""


def is_allowed() -> bool:
    """Whether the user has not forbidden the repair."""
    return os.environ.get(SWITCH, "") != "0"


def repair(device: Any) -> str | None:
    """Name the processor of a PoCL device that calls it "generic".

    Parameters
    ----------
    device : pyopencl.Device

    Returns
    -------
    str or None
        The name that was put in place; None where anything is not as expected.
    """
    target = _target()
    slot = _slot(device.int_ptr) if target is not None else None
    if target is None or slot is None:
        return None
    name = _names.setdefault(target, ctypes.create_string_buffer(target.encode()))
    ctypes.c_void_p.from_address(slot).value = ctypes.addressof(name)
    return target


def _target() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return next((name for name, need in TARGETS if set(need.split()) <= set(flags)), None)


def _slot(record: int) -> int | None:
    """Address of the pointer to the processor's name: it follows the one to the target triple.

    Memory is read through the system, which answers with an error where nothing is mapped.
    """
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        words = memoryview(os.pread(memory, RECORD_BYTES, record)).cast("Q")
        texts = [_text(memory, word) for word in words]
    except (OSError, TypeError):
        return None
    finally:
        os.close(memory)
    places = [
        place
        for place in range(1, len(texts))
        if texts[place - 1] == TRIPLE and texts[place] == UNKNOWN
    ]
    return record + places[0] * POINTER_BYTES if len(places) == 1 else None


def _text(memory: int, address: int) -> bytes:
    """The C string at an address; empty where there can be none."""
    if not 4096 <= address < 2**47:
        return b""
    try:
        return os.pread(memory, len(TRIPLE) + 1, address).split(b"\0")[0]
    except OSError:
        return b""
