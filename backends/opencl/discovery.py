"""Which OpenCL devices there are, and why others cannot be used."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

from bnnplan.backends.host import host_space
from bnnplan.backends.interface import Device, DeviceError, MemorySpace, Unavailable
from bnnplan.backends.opencl import pocl
from bnnplan.backends.opencl.session import Session

BACKEND = "opencl"
INSTALL = (
    "install the OpenCL driver of your GPU, or `pip install 'bnnplan[pocl]'` to run OpenCL on the "
    "CPU"
)
POCL_ADVICE = (
    "PoCL needs a cache folder that it can write: set POCL_CACHE_DIR to one (and "
    "POCL_DEVICES, if at all, to `pthread`)"
)
TRIAL = "kernel void trial(global ulong *output) { output[0] = popcount(output[0]); }"

Discovery = tuple[dict[str, tuple[Device, Session]], tuple[Unavailable, ...]]

_lock = threading.Lock()


def discover() -> Discovery:
    """Every device of every platform; looked for once per process.

    Returns
    -------
    usable : dict of str to (Device, Session)
        By name; numbers run over all devices, so one that fails does not rename the others.
    missing : tuple of Unavailable
    """
    with _lock:
        return _discover()


@cache
def _discover() -> Discovery:
    try:
        import pyopencl
    except (ImportError, OSError) as error:
        reason = f"pyopencl cannot be imported ({_line(error)}): `pip install pyopencl`"
        return {}, (Unavailable(BACKEND, reason),)
    try:
        platforms = pyopencl.get_platforms()
    except pyopencl.Error:
        platforms = []
    if not platforms:
        return {}, (Unavailable(BACKEND, f"no OpenCL platform is installed: {INSTALL}"),)
    usable: dict[str, tuple[Device, Session]] = {}
    missing: list[Unavailable] = []
    number = 0
    for platform in platforms:
        try:
            title = platform.name.strip()
            handles = platform.get_devices()
        except pyopencl.Error as error:
            reason = f"an OpenCL platform does not list its devices ({_line(error)}): {INSTALL}"
            missing.append(Unavailable(BACKEND, reason))
            continue
        if not handles:
            advice = POCL_ADVICE if title == pocl.PLATFORM else INSTALL
            reason = f"OpenCL platform {title} has no device: {advice}"
            missing.append(Unavailable(BACKEND, reason))
        for handle in handles:
            name = f"{BACKEND}{number}"
            number += 1
            try:
                usable[name] = _open(name, handle, title)
            except (DeviceError, pyopencl.Error) as error:
                missing.append(Unavailable(name, _line(error)))
    return usable, tuple(missing)


def _open(name: str, handle: Any, platform: str) -> tuple[Device, Session]:
    """Describe a device that can compile and stores words as bnnplan's formats do."""
    if not handle.endian_little:
        raise DeviceError(f"device {name} ({handle.name}) is big-endian; bnnplan packs LSB first")
    if not (handle.available and handle.compiler_available):
        raise DeviceError(f"device {name} ({handle.name}) has no compiler now: update its driver")
    session, processor = _session(name, handle, platform)
    kinds = session.cl.device_type
    kind = "accelerator"
    if handle.type & kinds.CPU:
        kind = "cpu"
    elif handle.type & kinds.GPU:
        kind = "gpu"
    # PoCL states what is free at the moment, but a device must look the same tomorrow.
    capacity = host_space().capacity if kind == "cpu" else int(handle.global_mem_size)
    cores = os.sched_getaffinity(0) if kind == "cpu" else ()
    note = f"; bnnplan named the processor {processor}" if processor else ""
    device = Device(
        name=name,
        backend=BACKEND,
        kind=kind,
        description=f"{handle.name.strip()} ({platform}{note})",
        space=MemorySpace(name, capacity),
        resources=frozenset([f"queue:{name}", *(f"core:{core}" for core in cores)]),
        properties={
            "platform": handle.platform.version.strip(),
            "driver": handle.driver_version.strip(),
            "opencl": handle.version.strip(),
            "compute units": str(handle.max_compute_units),
            **({"processor": processor} if processor else {}),
        },
    )
    return device, session


def _session(name: str, handle: Any, platform: str) -> tuple[Session, str | None]:
    """A session that can compile, and the name that its processor had to be given, if any."""
    session = Session(name, handle)
    try:
        session.compile(TRIAL, [])
    except DeviceError as error:
        if pocl.SYMPTOM not in str(error) or platform != pocl.PLATFORM:
            raise
        if not pocl.is_allowed():
            raise DeviceError(
                f"device {name} cannot compile its kernels: this PoCL does not know the processor, "
                f"and {pocl.SWITCH}=0 forbids to name it; unset that, or install a newer PoCL"
            ) from error
        processor = pocl.repair(handle)
        if processor is None:
            raise
        session = Session(name, handle)
        session.compile(TRIAL, [])
        return session, processor
    return session, None


def _line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
