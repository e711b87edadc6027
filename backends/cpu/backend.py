"""The `cpu` backend: clusters of cores as devices, native kernels, one call a segment."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar
from weakref import WeakValueDictionary

import bnnplan.backends.cpu.numbers  # noqa: F401
from bnnplan.backends.cpu.binary import product_variants
from bnnplan.backends.cpu.configurations import worth_measuring
from bnnplan.backends.cpu.devices import BACKEND, cluster_devices
from bnnplan.backends.cpu.native import CData, best_variant
from bnnplan.backends.cpu.peak import ceilings
from bnnplan.backends.cpu.program import CpuKernel, CpuProgram, Team
from bnnplan.backends.cpu.table import lookup
from bnnplan.backends.cpu.topology import clusters
from bnnplan.backends.host import HostMemory, host_space
from bnnplan.backends.interface import (
    Backend,
    Ceiling,
    Configuration,
    Device,
    Kernel,
    Program,
    Step,
    Unavailable,
)
from bnnplan.models.errors import BnnplanError, UnsupportedError
from bnnplan.models.graph import BoundLayer


class CpuBackend(HostMemory, Backend):
    """Runs layers on the cores of this machine.

    Every cluster of equal cores is a device with a team of pinned threads. Kernels use the
    fastest instruction set there is, or the one that the environment variable ``BNNPLAN_ISA``
    (``portable``, ``avx2``, ``avx512bw``, ``avx512``, ``neon``) forces.
    """

    name: ClassVar[str] = BACKEND
    divisible: ClassVar[bool] = True

    def __init__(self) -> None:
        self._teams: dict[tuple[int, ...], Team] = {}
        self._packed: WeakValueDictionary[Hashable, CData] = WeakValueDictionary()

    def devices(self) -> tuple[list[Device], list[Unavailable]]:
        """One device a cluster, of the cores that this process may use."""
        try:
            variant = best_variant()
        except BnnplanError as error:
            return [], [Unavailable(self.name, str(error))]
        return cluster_devices(clusters(), host_space(), {"isa": variant}), []

    def supports(self, bound: BoundLayer, device: Device) -> str | None:
        """None if the device can run the layer, else the reason why not."""
        if lookup(bound) is None:
            return f"the cpu backend has no kernel for {bound.layer.kind} on {bound.inputs[0]}"
        return None

    def configurations(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """One thread, and the shares of the layer's work that more threads can take.

        All of that for every way there is to compute the layer's products.
        """
        return _configurations(bound, device, best_variant())

    def foresee(self, bound: BoundLayer, device: Device) -> list[Configuration]:
        """The same with the instruction set that the device states."""
        return _configurations(bound, device, device.properties.get("isa") or best_variant())

    def prepare(self, bound: BoundLayer, device: Device, configuration: Configuration) -> Kernel:
        """Pack the weights for the instruction set and threads of a configuration.

        Blocks of cores of one cluster share them, so that streams that compute the same network
        find each other's in the cache.
        """
        function = lookup(bound)
        if function is None:
            raise UnsupportedError(str(self.supports(bound, device)))
        if not 1 <= configuration.threads <= device.threads:
            raise UnsupportedError(
                f"{configuration.threads} threads are asked of device {device.name}, which has "
                f"{device.threads}"
            )
        # While anyone holds the kernel, the layer lives, and no other has its identity.
        cluster, layer = device.name.partition(":")[0], id(bound.layer)
        key = (cluster, layer, bound.inputs, bound.batch, configuration, best_variant())
        handle = self._packed.get(key)
        if handle is None:
            handle = self._packed[key] = function(bound, configuration)
        return CpuKernel(bound, device, configuration, handle, self._team(device))

    def link(self, steps: Sequence[Step]) -> Program:
        """One native call that runs all steps."""
        return CpuProgram(steps)

    def ceilings(self, device: Device) -> tuple[Ceiling, ...]:
        """Clock, products of each kind, and speed of each level of memory."""
        cores = _cores(device)
        cluster = next((cluster for cluster in clusters() if cores[0] in cluster.cores), None)
        return ceilings(self._team(device), cluster.caches if cluster else ())

    def _team(self, device: Device) -> Team:
        cores = _cores(device)
        if cores not in self._teams:
            self._teams[cores] = Team(cores)
        return self._teams[cores]


def _configurations(bound: BoundLayer, device: Device, isa: str) -> list[Configuration]:
    return [
        configuration
        for variant in product_variants(bound, isa)
        for configuration in worth_measuring(bound, device.threads, variant)
    ]


def _cores(device: Device) -> tuple[int, ...]:
    return tuple(sorted(int(resource.partition(":")[2]) for resource in device.resources))
