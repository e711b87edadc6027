"""The backend: what it supports, in which configurations, and how layers become kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bnnplan.backends.interface import (
    Arena,
    Backend,
    Buffer,
    Configuration,
    Device,
    DeviceError,
    Kernel,
    Program,
    Step,
    Unavailable,
)
from bnnplan.backends.opencl.discovery import BACKEND, discover
from bnnplan.backends.opencl.elementwise import elementwise
from bnnplan.backends.opencl.kernel import ClKernel, ClProgram
from bnnplan.backends.opencl.launch import Launch
from bnnplan.backends.opencl.memory import ClArena, ClBuffer
from bnnplan.backends.opencl.products import products
from bnnplan.backends.opencl.session import Session
from bnnplan.backends.opencl.shapes import moves, pools
from bnnplan.models.errors import InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import TensorType

Planner = Callable[[BoundLayer, tuple[int, ...], int], list[Launch]]

PRODUCTS: dict[str, Planner] = dict.fromkeys(
    (
        *("BinaryConv2d", "BinaryDense", "BinaryWeightConv2d", "BinaryWeightDense"),
        *("FloatConv2d", "FloatDense"),
    ),
    products,
)
OTHERS: dict[str, Planner] = {
    **dict.fromkeys(
        (
            *("Threshold", "Sign", "BatchNorm", "ScaleBias", "PRelu", "Clip", "Quantize"),
            *("MultiThreshold", "Softmax", "Add"),
        ),
        elementwise,
    ),
    **dict.fromkeys(("MaxPool2d", "AveragePool2d"), pools),
    **dict.fromkeys(("Concat", "Split", "Flatten", "Reshape", "Transpose"), moves),
}
DIVIDING = ("Quantize", "AveragePool2d")
"""Layers that divide float32 numbers and need the correctly rounded quotient."""

AXES = ("X", "Y", "Z", "XY", "XZ", "YZ", "XYZ")
"""HEP-BNN's seven parallel configurations; the eighth is the sequential one of the CPU."""

TILED = "tiled"
CPU_TILE, GPU_TILE = (2, 4), (2, 2)
"""Windows, and chunks of eight neurons, that a work-item computes: what fits the vector registers
of a CPU, and what leaves a GPU enough work-items."""

MAX_TILE = (8, 8)

MOST_ELEMENTS = 2**31
"""Elements of a whole batch where it is one image to the kernel, as dense layers have it."""

CPU_CHUNK, GPU_CHUNK = 64, 1
"""Channels that a work-item of an elementwise layer computes."""


class OpenClBackend(Backend):
    """Every device of every OpenCL platform."""

    name = BACKEND

    def devices(self) -> tuple[list[Device], list[Unavailable]]:
        """Devices with a working compiler, and the reason for every other one."""
        usable, missing = discover()
        return [device for device, _ in usable.values()], list(missing)

    def supports(self, bound: BoundLayer, device: Device) -> str | None:
        """None if there is a kernel for the layer, and memory for its largest tensor."""
        kind = bound.layer.kind
        if kind not in PRODUCTS and kind not in OTHERS:
            return f"there is no OpenCL kernel for layers of kind {kind}"
        session = self._session(device)
        if kind in DIVIDING and session.division is None:
            return f"{device.name} cannot divide float32 numbers with correct rounding"
        limit = int(session.handle.max_mem_alloc_size)
        largest = max(type.nbytes(bound.batch) for type in (*bound.inputs, *bound.outputs))
        if largest > limit:
            return f"{device.name} allows {limit} bytes in one piece, the layer needs {largest}"
        widest = max(type.channels for type in (*bound.inputs, *bound.outputs))
        if kind.endswith("Dense") and bound.batch * widest >= MOST_ELEMENTS:
            return f"its kernels count in 32 bits, {bound.batch} images of {widest} are too many"
        return None

    def configurations(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """HEP-BNN's configurations and tiled ones for products, a few for other layers.

        An axis along which there is only one unit of work is left out.
        """
        images = bound.batch > 1
        shape = bound.outputs[0].shape
        windows = len(shape) == 3 and shape[0] * shape[1] > 1
        offered = {"X": images, "Y": windows, "Z": True}
        axes = [name for name in AXES if all(offered[axis] for axis in name)]
        everything = axes[-1]
        coarse = everything.replace("Z", "") or everything
        # On a CPU, no parallel axis at all: for small layers, waking other cores costs more.
        few = (coarse, "") if device.kind == "cpu" else (coarse, everything)
        if bound.layer.kind not in PRODUCTS:
            return [Configuration(name) for name in dict.fromkeys(few)]
        found = [Configuration(name) for name in axes]
        if getattr(bound.layer, "groups", 1) == 1:
            pixels, chunks = CPU_TILE if device.kind == "cpu" else GPU_TILE
            tile = (pixels if images or windows else 1, chunks)
            found += [Configuration(name, variant=TILED, tile=tile) for name in dict.fromkeys(few)]
        return found

    def prepare(self, bound: BoundLayer, device: Device, configuration: Configuration) -> Kernel:
        """Pack and upload weights, compile.

        Any of HEP-BNN's axes are accepted, those too that `configurations` leaves out, and
        tiles of up to 8 windows and 8 chunks of eight neurons.
        """
        reason = self.supports(bound, device)
        if reason is not None:
            raise UnsupportedError(f"device {device.name}: {reason}")
        kind = bound.layer.kind
        if not _is_known(configuration, is_product=kind in PRODUCTS):
            raise UnsupportedError(
                f"device {device.name} cannot run {kind} as {configuration.label!r}; use a "
                f"configuration that it offers for the layer"
            )
        planner = PRODUCTS.get(kind) or OTHERS[kind]
        chunk = CPU_CHUNK if device.kind == "cpu" else GPU_CHUNK
        launches = planner(bound, configuration.tile, chunk)
        return ClKernel(bound, device, configuration, self._session(device), launches)

    def allocate(self, device: Device, type: TensorType, batch: int, format: str) -> ClBuffer:
        """Memory on the device."""
        if format != type.format:
            raise InputError(f"device {device.name} keeps {type} as {type.format}, not {format}")
        return ClBuffer(device, self._session(device), type, batch)

    def allocate_arena(self, device: Device, nbytes: int) -> Arena | None:
        """Memory on the device, if it gives so much in one piece."""
        session = self._session(device)
        if nbytes > session.handle.max_mem_alloc_size:
            return None
        return ClArena(device, session, nbytes)

    def alignment(self, device: Device) -> int:
        """What the device wants of sub-buffers; its driver states it in bits."""
        return int(self._session(device).handle.mem_base_addr_align) // 8

    def upload(self, array: np.ndarray, buffer: Buffer) -> None:
        """Copy to the device."""
        _own(buffer).write(array)

    def download(self, buffer: Buffer) -> np.ndarray:
        """Copy from the device."""
        return _own(buffer).read()

    def link(self, steps: Sequence[Step]) -> Program:
        """One program that enqueues all kernels and waits once."""
        return ClProgram(steps)

    def _session(self, device: Device) -> Session:
        found = discover()[0].get(device.name)
        if found is None or _identity(found[0]) != _identity(device):
            raise DeviceError(
                f"there is no OpenCL device {device.name} ({device.description}) here any more; "
                f"see `bnnplan devices`, and profile again"
            )
        return found[1]


def _identity(device: Device) -> tuple[object, ...]:
    """What tells one device from another; capacity and cores are the board file's to change."""
    return device.name, device.description, device.properties


def _own(buffer: Buffer) -> ClBuffer:
    if not isinstance(buffer, ClBuffer):
        raise InputError(f"a buffer in {buffer.space.name} is no buffer of an OpenCL device")
    return buffer


def _is_known(configuration: Configuration, *, is_product: bool) -> bool:
    """Whether kernels can run so: any axes, one thread, and for products a tile or none."""
    axes, tile = configuration.axes, configuration.tile
    if axes not in ("", *AXES) or configuration.threads != 1:
        return False
    if configuration.variant == "":
        return tile == ()
    return (
        is_product
        and configuration.variant == TILED
        and len(tile) == len(MAX_TILE)
        and all(1 <= size <= limit for size, limit in zip(tile, MAX_TILE, strict=True))
    )
