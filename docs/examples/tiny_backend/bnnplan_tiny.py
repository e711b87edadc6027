"""A complete backend: binary dense layers, in two configurations, on the host."""

from __future__ import annotations

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
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryDense
from bnnplan.models.tensors import pack_bits


class DenseKernel(Kernel):
    """``K - 2 popcount(a xor w)``, for one image after the other or for all at once (X)."""

    def __init__(self, bound: BoundLayer, device: Device, configuration: Configuration) -> None:
        self.weights = pack_bits(bound.layer.weight)  # once, here: never while running
        super().__init__(bound, device, configuration, weight_bytes=self.weights.nbytes)

    def run(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
        source, target = inputs[0], outputs[0]
        assert isinstance(source, HostBuffer)
        assert isinstance(target, HostBuffer)
        parts = [source.array] if "X" in self.configuration.axes else list(source.array[:, None])
        target.array[...] = np.concatenate([self._sums(images) for images in parts])

    def _sums(self, images: np.ndarray) -> np.ndarray:
        different = np.bitwise_count(images[:, None, :] ^ self.weights[None, :, :])
        taps = self.bound.inputs[0].channels
        return taps - 2 * different.sum(axis=2, dtype=np.int32)


class TinyBackend(HostMemory, Backend):
    """One device, one kind of layer."""

    name = "tiny"

    def devices(self) -> tuple[list[Device], list[Unavailable]]:
        if not hasattr(np, "bitwise_count"):
            return [], [Unavailable("tiny0", "needs numpy 2; pip install -U numpy")]
        # It occupies core 0: no plan will run it at the same time as another device on core 0.
        device = Device("tiny0", self.name, "cpu", "numpy popcount", host_space(), {"core:0"})
        return [device], []

    def supports(self, bound: BoundLayer, device: Device) -> str | None:
        if not isinstance(bound.layer, BinaryDense):
            return f"{bound.layer.kind} is no binary dense layer"
        if bound.layer.fused:
            return "fused layers are not implemented"
        return None

    def configurations(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        return [Configuration(), Configuration(axes="X")]

    def prepare(self, bound: BoundLayer, device: Device, configuration: Configuration) -> Kernel:
        reason = self.supports(bound, device)
        if reason is None and configuration not in self.configurations(bound, device):
            reason = f"there is no configuration {configuration.label!r}"
        if reason is not None:
            raise UnsupportedError(f"{device.name} cannot run this layer: {reason}")
        return DenseKernel(bound, device, configuration)
