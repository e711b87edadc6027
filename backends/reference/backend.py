"""The reference semantics as a backend: slow, always there, and the oracle of all others."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

import numpy as np

from bnnplan.backends.host import HostBuffer, HostMemory, host_space
from bnnplan.backends.interface import (
    Backend,
    Buffer,
    Configuration,
    Device,
    Kernel,
    Unavailable,
)
from bnnplan.backends.reference.compute import COMPUTE, compute
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import decode, encode


class ReferenceKernel(Kernel):
    """One layer in numpy."""

    def __init__(self, bound: BoundLayer, device: Device, configuration: Configuration) -> None:
        types = (*bound.inputs, *bound.outputs)
        super().__init__(
            bound,
            device,
            configuration,
            weight_bytes=sum(array.nbytes for array in bound.layer.arrays().values()),
            # Every value is unpacked to at most eight bytes.
            workspace_bytes=8 * bound.batch * sum(type.elements for type in types),
        )

    def run(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
        """Unpack, compute, pack."""
        values = [decode(_array(buffer), buffer.type) for buffer in inputs]
        for buffer, result in zip(outputs, compute(self.bound.layer, values), strict=True):
            np.copyto(_array(buffer), encode(result, buffer.type))


def _array(buffer: Buffer) -> np.ndarray:
    assert isinstance(buffer, HostBuffer)
    return buffer.array


class ReferenceBackend(HostMemory, Backend):
    """One device that computes every layer with numpy."""

    name = "reference"

    def devices(self) -> tuple[list[Device], list[Unavailable]]:
        """The host itself; always usable."""
        device = Device(
            name="reference0",
            backend=self.name,
            kind="cpu",
            description=f"numpy {np.__version__} on {platform.machine()}",
            space=host_space(),
            resources=frozenset(f"core:{core}" for core in os.sched_getaffinity(0)),
            properties={"numpy": np.__version__},
        )
        return [device], []

    def supports(self, bound: BoundLayer, device: Device) -> str | None:
        """Every layer that bnnplan defines."""
        kind = bound.layer.kind
        return None if kind in COMPUTE else f"no numpy semantics for layers of kind {kind}"

    def configurations(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """Nothing to choose."""
        return [Configuration()]

    def prepare(self, bound: BoundLayer, device: Device, configuration: Configuration) -> Kernel:
        """Nothing to pack: weights stay as they are."""
        reason = self.supports(bound, device)
        if reason is not None:
            raise UnsupportedError(f"device {device.name}: {reason}")
        if configuration != Configuration():
            raise UnsupportedError(
                f"device {device.name} runs layers in one way only, not {configuration.label!r}"
            )
        return ReferenceKernel(bound, device, configuration)
