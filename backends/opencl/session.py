"""What one OpenCL device needs once per process: a context, queues and compiled programs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.resources import files
from typing import Any

from attrs import frozen

from bnnplan.backends.interface import DeviceError

CORRECT_DIVISION = "-cl-fp32-correctly-rounded-divide-sqrt"
NO_WARNINGS = "-w"


@frozen
class ProgramKey:
    """A program: source files in order, without ``.cl``, and compiler options."""

    sources: tuple[str, ...]
    options: tuple[str, ...] = ()


class Session:
    """Context, queues and programs of one device.

    Parameters
    ----------
    name : str
        Name of the device on the board, for errors.
    handle : pyopencl.Device
    """

    def __init__(self, name: str, handle: Any) -> None:
        import pyopencl

        self.cl = pyopencl
        self.name = name
        self.handle = handle
        self._programs: dict[ProgramKey, Any] = {}
        with self.errors("cannot be opened"):
            self.context = pyopencl.Context([handle])
            self.queue = pyopencl.CommandQueue(self.context, handle)

    @cached_property
    def timed_queue(self) -> Any:
        """An in-order queue that records times, which may cost a little."""
        profiling = self.cl.command_queue_properties.PROFILING_ENABLE
        with self.errors("cannot record times"):
            return self.cl.CommandQueue(self.context, self.handle, profiling)

    @cached_property
    def division(self) -> tuple[str, ...] | None:
        """Compiler options for correctly rounded float32 division; None if it has none."""
        if self.handle.single_fp_config & self.cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT:
            return (CORRECT_DIVISION,)
        return ("-DDIVIDE_IN_DOUBLE",) if self.handle.double_fp_config else None

    def program(self, key: ProgramKey) -> Any:
        """The compiled program; compiled once per process, and kept by the driver on disk.

        Raises
        ------
        DeviceError
            If it does not compile, with the first error of the compiler's log.
        """
        if key not in self._programs:
            folder = files("bnnplan.backends.opencl.kernels")
            names = ("common", *key.sources)
            source = "\n".join(folder.joinpath(f"{name}.cl").read_text("utf-8") for name in names)
            options = [*key.options, *(self.division or ())]
            self._programs[key] = self.compile(source, options)
        return self._programs[key]

    def compile(self, source: str, options: list[str]) -> Any:
        """Compile OpenCL C; see :meth:`program`."""
        try:
            with warnings.catch_warnings():
                # Notes of a compiler that succeeded are none of the user's business.
                warnings.simplefilter("ignore", self.cl.CompilerWarning)
                # PoCL counts them on standard error, where no handler of ours stands.
                return self.cl.Program(self.context, source).build([*options, NO_WARNINGS])
        except self.cl.Error as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in lines if "error:" in line), lines[0])
            raise DeviceError(
                f"device {self.name} cannot compile its kernels: {reason}; update its driver, or "
                f"leave the device out"
            ) from error

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn an OpenCL error into a DeviceError that names the device."""
        try:
            yield
        except (self.cl.Error, MemoryError) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise DeviceError(
                f"device {self.name} ({self.handle_name}) {doing}: {lines[0]}; see with "
                f"`bnnplan devices` whether it is still there, then profile again"
            ) from error

    @cached_property
    def handle_name(self) -> str:
        """What the driver calls the device."""
        try:
            return str(self.handle.name).strip()
        except self.cl.Error:
            return "no longer known to its driver"
