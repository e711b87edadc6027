"""Board models of boards that were never measured, from their published figures.

What is assumed beside the figures, because nobody publishes it, is here and in the modules that
this one uses, with what it was taken from. The uncertainty that is stated is wide: recorded times
of binary networks on such boards differ by an order of magnitude from one implementation to
another.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.backends.interface import Ceiling, Device, MemorySpace, Work
from bnnplan.planner.board import ISA, USER, Board
from bnnplan.planner.board_model import BoardModel, FamilyModel, FittedError
from bnnplan.planner.boards.core_types import CORE_TYPES, CoreType
from bnnplan.planner.boards.cpu_terms import (
    CACHE_BYTES,
    MEMORY_SHARE,
    moving_cycles,
    nanoseconds,
    product_cycles,
    traffic_costs,
)
from bnnplan.planner.boards.description import BoardDescription, ClusterFigures, GpuFigures
from bnnplan.planner.descriptors import NATIVE, names_of_terms
from bnnplan.planner.descriptors.families import COMPUTE
from bnnplan.planner.profile import LaunchCost, Origin, TransferCost

UNCERTAIN = FittedError(mean=0.6, median=0.5, low=0.4, high=3.0, samples=0)
"""Not fitted: a modelled time stands for anything from 0.4 to 3 times as much."""
GPU_REACHED = 0.25
"""Of what a GPU's instructions could do at best: small layers do not fill it."""
GPU_BANDWIDTH = 0.6
"""Of the published bandwidth, what all units of a GPU together get."""
COPY_NS = 1_000.0
"""To begin a copy inside the host's memory."""
MAP_NS = {"opencl": 60_000.0, "cuda": 15_000.0}
"""To hand memory that is shared to a GPU, or back, by the driver that its backend uses."""
GPU_LAYER_NS = {"opencl": 20_000.0, "cuda": 5_000.0}
"""To begin a layer in a queue."""
LAUNCH_CYCLES, WAKING_CYCLES = 3_000, 15_000
"""To call a program, and to wake threads that sleep."""
GPU_VARIANTS = {"opencl": ("", "tiled"), "cuda": ("",)}
"""Of kernels of products; published figures do not tell them apart."""
WORD_BITS = 64
MOVERS = (
    "threshold",
    "scale-bias",
    "reshape",
    "bit-pool",
    "max-pool",
    "p-relu",
    "clip",
    "quantize",
    "multi-threshold",
    "softmax",
    "add",
    "average-pool2d",
    "concat",
    "split",
    "transpose",
)
"""Families of layers without products."""


def model_of(description: BoardDescription) -> BoardModel:
    """The board model that the published figures of a board give.

    Parameters
    ----------
    description : BoardDescription

    Returns
    -------
    BoardModel
        Of origin `modelled`.
    """
    clusters = list(enumerate(description.clusters))
    devices = [_cluster(description, number, cluster) for number, cluster in clusters]
    families: list[FamilyModel] = []
    for device, (_, cluster) in zip(devices, clusters, strict=True):
        families += _core_families(device.name, cluster, description.memory_bandwidth.value)
    if description.gpu is not None:
        gpu = _gpu_device(description.gpu)
        devices.append(gpu)
        families += _gpu_families(gpu.name, description.gpu, description.memory_bandwidth.value)
    return BoardModel(
        board=Board(description.name, devices),
        origin=Origin.MODELLED,
        families=families,
        transfers=list(_transfers(description)),
        launches=list(_launches(devices, description)),
        sources=[f"{source.title}, {source.url}" for source in description.sources.values()],
    )


def _cluster(description: BoardDescription, number: int, cluster: ClusterFigures) -> Device:
    clock = cluster.clock_hz.value
    count = len(cluster.cores)
    return Device(
        name=f"cpu{number}",
        backend="cpu",
        kind="cpu",
        description=f"{count} × {cluster.core} at {clock / 1e9:.2f} GHz",
        space=MemorySpace("host", int(description.memory_bytes.value)),
        resources=frozenset(f"core:{core}" for core in cluster.cores),
        threads=count,
        properties={ISA: cluster.isa},
        ceilings=list(_ceilings(cluster, description.memory_bandwidth.value)),
    )


def _ceilings(cluster: ClusterFigures, bandwidth: float) -> Iterator[Ceiling]:
    """What the caches hold, and how fast they and the memory are taken to be."""
    clock = cluster.clock_hz.value
    figures = (cluster.l1_bytes, cluster.l2_bytes, cluster.l3_bytes)
    levels = zip(figures, CACHE_BYTES.values(), strict=True)
    for number, (figure, nbytes) in enumerate(levels, 1):
        if figure is not None:
            size = int(figure.value)
            yield Ceiling(Work.BYTES_READ, f"L{number}", 1, nbytes * clock, capacity=size)
    yield Ceiling(Work.BYTES_READ, "memory", 1, bandwidth * MEMORY_SHARE)


def _core_families(device: str, cluster: ClusterFigures, bandwidth: float) -> list[FamilyModel]:
    core, clock = CORE_TYPES[cluster.core], cluster.clock_hz.value
    traffic = traffic_costs(clock, bandwidth)
    moving = nanoseconds(moving_cycles(core), clock) | traffic
    found = [_family(name, device, cluster.isa, _own_terms(name, moving)) for name in MOVERS]
    for family in sorted(COMPUTE):
        for variant in _variants(core, cluster.isa, family):
            costs = nanoseconds(product_cycles(core, variant), clock) | traffic
            found.append(_family(family, device, variant, _own_terms(family, costs)))
    return found


def _own_terms(family: str, costs: dict[str, float]) -> dict[str, float]:
    """Only those terms that layers of a family have: figures are of all families at once."""
    known = names_of_terms(family, NATIVE)
    return {name: ns for name, ns in costs.items() if name in known}


def _variants(core: CoreType, isa: str, family: str) -> list[str]:
    return list(core.bits) if family.startswith("binary") else [isa]


def _family(name: str, device: str, variant: str, costs: dict[str, float]) -> FamilyModel:
    return FamilyModel(
        family=name,
        device=device,
        variant=variant,
        nanoseconds=costs,
        weight_bytes={"bytes of weights": 1.0},
        workspace_bytes={},
        error=UNCERTAIN,
    )


def _gpu_device(gpu: GpuFigures) -> Device:
    name = f"{gpu.backend}0"
    return Device(
        name=name,
        backend=gpu.backend,
        kind="gpu",
        description=f"{gpu.model} at {gpu.clock_hz.value / 1e9:.2f} GHz",
        space=MemorySpace(name),
        resources=frozenset({f"queue:{name}"}),
    )


def _gpu_families(device: str, gpu: GpuFigures, bandwidth: float) -> list[FamilyModel]:
    bits = gpu.bit_products_per_cycle.value * gpu.clock_hz.value * GPU_REACHED * 1e-9
    floats = gpu.flops.value / 2 * GPU_REACHED * 1e-9
    moved = 1e9 / (bandwidth * GPU_BANDWIDTH)
    shared = {
        "layer": GPU_LAYER_NS[gpu.backend],
        "bytes read": moved,
        "bytes written": moved,
        "bytes of weights": moved,
        "outputs": 1 / floats,
        "taps": 1 / floats,
    }
    found = []
    for family in (*sorted(COMPUTE), *MOVERS):
        of_bits = {"words of products": WORD_BITS / bits}
        products = of_bits if family.startswith("binary") else {"products": 1 / floats}
        variants = GPU_VARIANTS[gpu.backend] if family in COMPUTE else ("",)
        found += [_family(family, device, variant, shared | products) for variant in variants]
    return found


def _transfers(description: BoardDescription) -> Iterator[TransferCost]:
    """Copies: every byte is read and written once."""
    copied = 2e9 / (description.memory_bandwidth.value * MEMORY_SHARE)
    places = [(USER, COPY_NS), ("host", COPY_NS)]
    if description.gpu is not None:
        backend = description.gpu.backend
        places.append((f"{backend}0", MAP_NS[backend]))
    for source, begin in places:
        for target, end in places:
            if source != target:
                yield TransferCost(source, target, max(begin, end), copied, UNCERTAIN.high, ())


def _launches(devices: list[Device], description: BoardDescription) -> Iterator[LaunchCost]:
    for device in devices:
        if device.kind == "gpu":
            yield LaunchCost(device.name, 1, round(MAP_NS[device.backend]))
            continue
        number = int(device.name.removeprefix("cpu"))
        cycle = 1e9 / description.clusters[number].clock_hz.value
        for threads in range(1, device.threads + 1):
            cycles = LAUNCH_CYCLES + WAKING_CYCLES * (threads > 1)
            yield LaunchCost(device.name, threads, round(cycles * cycle))
