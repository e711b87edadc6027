"""Workloads of msr-fiddle/dnn-partitioning as problems, by the rules of their authors.

Source: Tarnawski, Phanishayee, Devanur, Mahajan, Nina Paravecino, "Efficient algorithms for
device placement of DNN graph operators", NeurIPS 2020, and the README and integer programs of
https://github.com/msr-fiddle/dnn-partitioning (MIT).

A node runs on a CPU or on one of `maxFPGAs` equal accelerators. The nodes of an accelerator fit
its memory together. A CPU reads and writes the main memory at no cost; an accelerator pays, once
for each node, to load an output that was made elsewhere, and to store an output that is read
elsewhere. Nodes of one colour class lie on one device.

* Throughput: least load of the most loaded device; accelerators and each of the `maxCPUs` CPUs
  take one contiguous part.
* Latency of one sample: CPUs run as many nodes at once as are ready (`maxCPUs` is ignored, as the
  authors do); an accelerator loads, computes and stores its one part as a whole.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from reading import FileError, flag, number, read_object, rows, whole

from bnnplan.planner.problem import (
    Device,
    Edge,
    Export,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)

NS_PER_UNIT = 1_000_000
"""The files state milliseconds."""
SAME_COST = 1e-6
"""Edges from one node carry one tensor; the authors let their costs differ by so much."""
DRAM = "dram"


@frozen
class Node:
    """One layer or operator.

    Parameters
    ----------
    id : int
    cpu, accelerator : float
        Time on either, in the unit of the file; `accelerator` is None where it cannot run there.
    size : int
        Bytes on an accelerator.
    colour : int or None
        Nodes of one colour class lie on one device.
    """

    id: int
    cpu: float
    accelerator: float | None
    size: int
    colour: int | None


@frozen
class Workload:
    """What a file says.

    Parameters
    ----------
    name : str
    nodes : tuple of Node
    edges : tuple of (int, int)
        Identifiers of the node that makes a tensor and of one that reads it, each pair once.
    costs : mapping of int to float
        Time between an accelerator and main memory of the tensor that a node makes.
    accelerators, cpus : int
        How many there are.
    capacity : int
        Bytes of an accelerator.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    costs: Mapping[int, float]
    accelerators: int
    cpus: int
    capacity: int


def read(path: Path) -> Workload:
    """Read a workload.

    Raises
    ------
    FileError
        One line with file, field and reason.
    """
    content = read_object(path)
    top = str(path)
    accelerators, cpus = whole(content, "maxFPGAs", top), whole(content, "maxCPUs", top)
    if accelerators < 0 or cpus < 0 or not accelerators + cpus:
        raise FileError(f"{path}: maxFPGAs and maxCPUs: there must be at least one device")
    nodes = tuple(
        _node(row, f"{path}: nodes[{index}]")
        for index, row in enumerate(rows(content, "nodes", path))
    )
    for one, times in Counter(node.id for node in nodes).items():
        if times > 1:
            raise FileError(f"{path}: nodes: id {one} is used {times} times")
    edges, costs = _edges(rows(content, "edges", path), {node.id for node in nodes}, path)
    capacity = math.floor(number(content, "maxSizePerFPGA", top))
    return Workload(path.stem, nodes, edges, costs, accelerators, cpus, capacity)


def _node(row: Mapping[str, object], where: str) -> Node:
    if flag({"isBackwardNode": False, **row}, "isBackwardNode", where):
        raise FileError(
            f"{where}.isBackwardNode: training workloads have no form as a problem: their "
            "accelerators take two contiguous parts each; use the inference workload"
        )
    runs = flag(row, "supportedOnFpga", where)
    return Node(
        whole(row, "id", where),
        number(row, "cpuLatency", where),
        number(row, "fpgaLatency", where) if runs else None,
        math.ceil(number({"size": 0, **row}, "size", where)),
        whole(row, "colorClass", where) if "colorClass" in row else None,
    )


def _edges(
    given: list[dict[str, object]], known: set[int], path: Path
) -> tuple[tuple[tuple[int, int], ...], dict[int, float]]:
    edges: dict[tuple[int, int], None] = {}
    costs: dict[int, float] = {}
    for index, row in enumerate(given):
        where = f"{path}: edges[{index}]"
        source, target = whole(row, "sourceId", where), whole(row, "destId", where)
        for name, one in (("sourceId", source), ("destId", target)):
            if one not in known:
                raise FileError(f"{where}.{name}: there is no node {one}")
        cost = number(row, "cost", where)
        if abs(costs.setdefault(source, cost) - cost) > SAME_COST:
            raise FileError(
                f"{where}.cost: {cost}, but another edge from node {source} costs "
                f"{costs[source]}; all edges of a node carry one tensor"
            )
        edges[source, target] = None
    return tuple(edges), costs


def problem(
    workload: Workload,
    objective: Measure,
    *,
    contiguous: bool = True,
    ns_per_unit: int = NS_PER_UNIT,
) -> Problem:
    """Make the problem of a workload.

    Parameters
    ----------
    workload : Workload
    objective : Measure
        `Measure.PERIOD` or `Measure.LATENCY`.
    contiguous : bool
        Whether accelerators, and for throughput CPUs, take one part each, as the authors want.
    ns_per_unit : int
        Whole nanoseconds that a unit of the file's times becomes; each time is rounded to one.
    """
    pipeline = objective is Measure.PERIOD
    cpus = _cpus(workload.cpus if pipeline else 1, contiguous, pipeline)
    names = [f"accelerator{index}" for index in range(1, workload.accelerators + 1)]
    accelerators = [Device(name, frozenset({name}), contiguous) for name in names]

    def ns(time: float) -> int:
        return round(time * ns_per_unit)

    inputs = Counter(target for _, target in workload.edges)
    tasks = tuple(
        Task(
            str(node.id),
            (
                *(_option(node, cpu.name, DRAM, ns(node.cpu), 0, inputs, workload) for cpu in cpus),
                *(
                    _option(node, name, name, ns(node.accelerator), node.size, inputs, workload)
                    for name in names
                    if node.accelerator is not None
                ),
            ),
        )
        for node in workload.nodes
    )
    sizes = tuple(TensorSize(port, 0) for port in (DRAM, *names))
    moves = {ns(cost): _moves(names, ns(cost)) for cost in workload.costs.values()}
    tensors = tuple(
        Tensor(f"output of {node}", str(node), 0, sizes, *moves[ns(cost)])
        for node, cost in workload.costs.items()
    )
    edges = []
    taken: Counter[int] = Counter()
    for source, target in workload.edges:
        edges.append(Edge(f"output of {source}", str(target), taken[target]))
        taken[target] += 1
    return Problem(
        name=workload.name,
        tasks=tasks,
        tensors=tensors,
        edges=tuple(edges),
        devices=(*cpus, *accelerators),
        spaces=(Space(DRAM), *(Space(name, workload.capacity) for name in names)),
        ports=tuple(Port(name, name) for name in (DRAM, *names)),
        objectives=(objective,),
        colocated=_colocated(workload),
    )


def _cpus(count: int, contiguous: bool, pipeline: bool) -> list[Device]:
    """CPUs with a load each, or one that is never short of cores."""
    if not pipeline:
        return [Device("cpu")]
    names = [f"cpu{index}" for index in range(1, count + 1)]
    return [Device(name, frozenset({name}), contiguous) for name in names]


def _option(
    node: Node,
    device: str,
    port: str,
    duration: int,
    size: int,
    inputs: Mapping[int, int],
    workload: Workload,
) -> Option:
    outputs = (port,) if node.id in workload.costs else ()
    return Option(device, device, duration, (port,) * inputs.get(node.id, 0), outputs, port, size)


def _moves(names: list[str], cost: int) -> tuple[tuple[Transfer, ...], tuple[Export, ...]]:
    """Loading into each accelerator, and storing from each; what is in main memory is there."""
    loads = tuple(
        Transfer(source, target, cost, frozenset({target}))
        for source in (DRAM, *names)
        for target in names
        if source != target
    )
    stored = tuple(Transfer(name, DRAM, 0) for name in names)
    return loads + stored, tuple(Export(name, cost, frozenset({name})) for name in names)


def _colocated(workload: Workload) -> tuple[tuple[str, ...], ...]:
    groups: dict[int, list[str]] = {}
    for node in workload.nodes:
        if node.colour is not None:
            groups.setdefault(node.colour, []).append(str(node.id))
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
