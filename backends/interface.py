"""What a backend is: the contract between the planner and whatever runs layers.

A backend is one class that derives from :class:`Backend`, named by one entry point in the group
``bnnplan.backends``. Seven methods must be written: `devices`, `supports`, `configurations`,
`prepare`, `allocate`, `upload` and `download` (the last three come with
:class:`bnnplan.backends.host.HostMemory` if the device computes in ordinary memory); `foresee`,
`convert`, `formats`, `allocate_arena`, `alignment`, `link` and `ceilings` have defaults.

The rules behind the types:

* Every kernel gives exactly the integers and bits of the `reference` backend. Layers that
  produce float32 agree to the tolerance stated for them (see :mod:`bnnplan.models.layers`).
* A kernel reads and writes only the buffers it is given, and writes every byte of its outputs,
  the tails of packed words included: buffers share memory with others that are not alive at the
  same time, so they hold garbage before. An input and an output of one kernel never overlap.
  Weights are packed, compiled and uploaded once, in `prepare`.
* Formats are explicit. A kernel states the format of every input and output; whoever calls it
  hands over buffers of those formats. Nothing is converted silently.
* An instance may be used from one thread at a time; different instances, and programs of
  different devices, may run at the same time.
* "Cannot" is an answer, not an exception: `devices` and `supports` give reasons.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from attrs import field, frozen

from bnnplan.backends.device import Ceiling, Device, MemorySpace, Unavailable, Work
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import TensorFormat, TensorType

__all__ = [
    "ALIGNMENT",
    "Arena",
    "Backend",
    "Buffer",
    "Ceiling",
    "Configuration",
    "Device",
    "DeviceError",
    "Kernel",
    "MemorySpace",
    "NativeProgram",
    "PipelineStoppedError",
    "Program",
    "Step",
    "Unavailable",
    "Work",
]
"""What a plugin needs, the descriptions of :mod:`bnnplan.backends.device` included."""

ALIGNMENT = 64
"""Bytes of a cache line, to which tensors are aligned unless a backend wants more."""


def _integers(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


class DeviceError(BnnplanError):
    """A device that is missing, was lost, or failed while running; says which and what to do."""


class PipelineStoppedError(DeviceError):
    """Something was asked of a pipeline that has been stopped before."""


@frozen(order=True)
class Configuration:
    """How a layer runs on a device.

    Parameters
    ----------
    axes : str
        Parallel axes, a subset of ``XYZ`` in this order: X images, Y windows, Z neurons
        (HEP-BNN). Empty: nothing is parallel.
    threads : int
        Threads on a CPU; 1 elsewhere.
    variant : str
        Kernel variant, such as ``avx2``; empty if the backend has only one.
    tile : tuple of int
        Sizes that the variant is tuned by; empty if none.
    """

    axes: str = ""
    threads: int = 1
    variant: str = ""
    tile: tuple[int, ...] = field(default=(), converter=_integers)

    @property
    def label(self) -> str:
        """Short text for tables, unique among a layer's configurations on one device."""
        parts = [self.axes or "-"]
        if self.threads > 1:
            parts.append(f"{self.threads}t")
        if self.variant:
            parts.append(self.variant)
        if self.tile:
            parts.append("x".join(map(str, self.tile)))
        return " ".join(parts)


class Buffer:
    """A tensor in a memory space; backends derive from it to hold their handle.

    Parameters
    ----------
    type : TensorType
    batch : int
    format : str
    space : MemorySpace
    """

    def __init__(self, type: TensorType, batch: int, format: str, space: MemorySpace) -> None:
        self.type = type
        self.batch = batch
        self.format = format
        self.space = space

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor in the shared format."""
        return self.type.nbytes(self.batch)


class Arena(ABC):
    """One block of a memory space, in which tensors lie at offsets.

    Tensors that are not alive at the same time may overlap. The block lives as long as the arena
    or a buffer of it.

    Parameters
    ----------
    nbytes : int
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    @abstractmethod
    def take(self, offset: int, type: TensorType, batch: int) -> Buffer:
        """A buffer for a tensor in its shared format, `offset` bytes into the block.

        The offset is a multiple of the backend's `alignment`.
        """


class Kernel(ABC):
    """A layer made ready for one device in one configuration, with its weights in place.

    Attributes
    ----------
    bound : BoundLayer
    device : Device
    configuration : Configuration
    input_formats, output_formats : tuple of str
    weight_bytes : int
        Memory that the packed weights occupy in the device's space.
    workspace_bytes : int
        Memory needed only while the kernel runs.
    """

    def __init__(
        self,
        bound: BoundLayer,
        device: Device,
        configuration: Configuration,
        *,
        weight_bytes: int = 0,
        workspace_bytes: int = 0,
    ) -> None:
        self.bound = bound
        self.device = device
        self.configuration = configuration
        self.weight_bytes = weight_bytes
        self.workspace_bytes = workspace_bytes
        self.input_formats: tuple[str, ...] = tuple(t.format for t in bound.inputs)
        self.output_formats: tuple[str, ...] = tuple(t.format for t in bound.outputs)

    @property
    def packed(self) -> object:
        """What holds the packed weights: kernels with the same one hold them once."""
        return self

    @abstractmethod
    def run(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
        """Compute the outputs and return when they are complete."""


def _buffers(buffers: Iterable[Buffer]) -> tuple[Buffer, ...]:
    return tuple(buffers)


@frozen(eq=False)
class Step:
    """A kernel with the buffers that it reads and writes."""

    kernel: Kernel
    inputs: tuple[Buffer, ...] = field(converter=_buffers)
    outputs: tuple[Buffer, ...] = field(converter=_buffers)


@frozen
class NativeProgram:
    """A program as native threads run it, without the interpreter.

    Parameters
    ----------
    function : int
        Address of ``int function(void *context)``, which returns 0 when the last output is
        complete.
    context : int
    pointers : mapping of (int, int, bool) to int
        By step, position, and whether it is an output: the address of the pointer (``void **``)
        to that buffer, which may be set anew between runs.
    cores : tuple of int
        That the calling thread should be kept on.
    """

    function: int
    context: int
    pointers: Mapping[tuple[int, int, bool], int]
    cores: tuple[int, ...] = ()


class Program:
    """A segment, linked: runs its steps in order on one device.

    This default runs kernel by kernel. Backends override `run` to make one native call or one
    enqueue of it, `run_timed` to read the device's own clocks, and `native` where pipelines can
    run it without the interpreter.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)

    @property
    def workspace_bytes(self) -> int:
        """Memory that the program holds besides its buffers and its kernels' weights."""
        return max((step.kernel.workspace_bytes for step in self.steps), default=0)

    @property
    def native(self) -> NativeProgram | None:
        """How native threads run it; None, the default, where only the interpreter can."""
        return None

    def run(self) -> None:
        """Run all steps and return when the last output is complete."""
        for step in self.steps:
            step.kernel.run(step.inputs, step.outputs)

    def run_timed(self) -> list[int]:
        """Run all steps; nanoseconds that each took, gaps before it included.

        The sum is at most the time of the whole call; what is missing is the overhead of
        starting and finishing the program.
        """
        times = []
        for step in self.steps:
            start = time.perf_counter_ns()
            step.kernel.run(step.inputs, step.outputs)
            times.append(time.perf_counter_ns() - start)
        return times


class Backend(ABC):
    """A family of devices and the kernels that run on them.

    Attributes
    ----------
    name : str
        The name under which it is registered.
    float_tolerance : float
        How far float32 results may be off those of `reference`, as a share of the largest
        magnitude in the tensor (at least 1); 0 for a backend that keeps the defined order.
    divisible : bool
        Whether some of the cores that a device names are a device as well, as fast as any others
        of them: kernels run on just the cores in the device's resources. Such parts, which are
        named after the device (``cpu0:2``), share the packed weights of what they run in the same
        configuration.
    """

    name: ClassVar[str]
    float_tolerance: ClassVar[float] = 0.0
    divisible: ClassVar[bool] = False

    @abstractmethod
    def devices(self) -> tuple[list[Device], list[Unavailable]]:
        """Devices that can be used now, and those that cannot, with the reason."""

    @abstractmethod
    def supports(self, bound: BoundLayer, device: Device) -> str | None:
        """None if the device can run the layer, else the reason why not."""

    @abstractmethod
    def configurations(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """Configurations worth measuring, for a layer that is supported; never empty."""

    def foresee(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """What `configurations` would say on the machine of a device, which may be another one.

        Only the description of the device counts; the default takes `configurations` to look at
        nothing else.
        """
        return self.configurations(bound, device)

    @abstractmethod
    def prepare(self, bound: BoundLayer, device: Device, configuration: Configuration) -> Kernel:
        """Pack weights, compile, upload.

        Raises
        ------
        UnsupportedError
            If the layer or configuration cannot run on the device.
        DeviceError
            If the device fails.
        """

    @abstractmethod
    def allocate(self, device: Device, type: TensorType, batch: int, format: str) -> Buffer:
        """Memory for a tensor in the device's space; contents undefined.

        Raises
        ------
        InputError
            If the backend has no such format for the type.
        """

    @abstractmethod
    def upload(self, array: np.ndarray, buffer: Buffer) -> None:
        """Copy a host array in the buffer's format into the buffer; complete on return.

        Raises
        ------
        InputError
            If shape or element type of the array do not fit the buffer.
        """

    @abstractmethod
    def download(self, buffer: Buffer) -> np.ndarray:
        """A host array with the contents of the buffer, in the buffer's format."""

    def allocate_arena(self, device: Device, nbytes: int) -> Arena | None:
        """One block in the device's space for many tensors that take turns in it.

        None, the default, where there is no such thing, or not of that size: then every tensor is
        allocated by itself, and none shares memory with another. Backends that share the code of
        `allocate` and `allocate_arena`, and name the same space, share one arena.

        Raises
        ------
        DeviceError
            If the device has no memory left.
        """
        return None

    def alignment(self, device: Device) -> int:
        """Bytes to whose multiples tensors in an arena of the device are aligned."""
        return ALIGNMENT

    def convert(self, array: np.ndarray, type: TensorType, source: str, target: str) -> np.ndarray:
        """Re-format a host array; a backend with formats of its own overrides it."""
        if source == target:
            return array
        raise DeviceError(f"backend {self.name} cannot convert {type} from {source} to {target}")

    def formats(self, type: TensorType) -> tuple[str, ...]:
        """Formats in which this backend's kernels exchange tensors of a type."""
        shared: TensorFormat = type.format
        return (shared,)

    def link(self, steps: Sequence[Step]) -> Program:
        """Make one program of steps that run one after the other on one device."""
        return Program(steps)

    def ceilings(self, device: Device) -> tuple[Ceiling, ...] | Unavailable:
        """What the device can do at most, measured in about two seconds; or why that is unknown.

        With them, tables say how near a layer comes to what its device can do at all.

        Raises
        ------
        DeviceError
            If the device fails.
        """
        return Unavailable(device.name, f"backend {self.name} measures no ceilings")
