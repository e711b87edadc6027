"""A plan's streams made ready to run, with the memory that they hold."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from attrs import frozen

from bnnplan.backends.host import HOST
from bnnplan.backends.interface import DeviceError, Kernel, Program
from bnnplan.models.graph import Node
from bnnplan.planner.execution.pipelines.layout import StreamLayout, lay_out
from bnnplan.planner.execution.pipelines.prepared import PreparedStage, PreparedStream
from bnnplan.planner.execution.pipelines.sizes import wanted_slack, window_slots
from bnnplan.planner.execution.pipelines.slots import HostSlots, open_window
from bnnplan.planner.execution.pipelines.tally import StageLabel
from bnnplan.planner.execution.pipelines.units import with_stages
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import MemoryUse, Plan
from bnnplan.planner.plan_parts import PlannedStream


@frozen(eq=False)
class Assembly:
    """Streams that can run.

    Parameters
    ----------
    streams : tuple of PreparedStream
    labels : tuple of StageLabel
        Of all stages, stream by stream.
    window : dict of str to HostSlots
    memory : tuple of MemoryUse
        One a space, without the window.
    """

    streams: tuple[PreparedStream, ...]
    labels: tuple[StageLabel, ...]
    window: dict[str, HostSlots]
    memory: tuple[MemoryUse, ...]


def assemble(bench: Workbench, plan: Plan, *, slack: int | None, window: int | None) -> Assembly:
    """Make the streams of a plan ready.

    Parameters
    ----------
    bench : Workbench
        Of the plan's network, board and batch.
    plan : Plan
    slack : int or None
        See :func:`bnnplan.planner.execution.pipelines.layout.lay_out`. None: 1, but 0 if latency
        is limited, or if memory is not enough for it.
    window : int or None
        Batches that may be inside at once, results that nobody has taken included. None: enough to
        keep all stages busy.

    Raises
    ------
    DeviceError
        If a device fails, or has no memory left.
    PlanError
        If stages read what later ones make.
    """
    if slack is not None:
        return _assemble(bench, plan, slack, window)
    wanted = wanted_slack(plan)
    if not wanted:
        return _assemble(bench, plan, 0, window)
    try:
        found = _assemble(bench, plan, wanted, window)
    except DeviceError:
        return _assemble(bench, plan, 0, window)
    capacities = plan.request.capacities(plan.board)
    for use in found.memory:
        capacity = capacities.get(use.space)
        if capacity is not None and use.allocated_bytes > capacity:
            return _assemble(bench, plan, 0, window)
    return found


def _assemble(bench: Workbench, plan: Plan, slack: int, window: int | None) -> Assembly:
    is_staged = any(layer.stage is not None for layer in plan.layers)
    planned = [
        with_stages(bench.network, plan.board, stream)
        if plan.concurrent and not is_staged
        else stream
        for stream in plan.streams
    ]
    kernels = [_kernels(bench, stream) for stream in planned]
    layouts = [
        lay_out(bench.network, plan.board, stream, _formats(kernel), slack=slack)
        for stream, kernel in zip(planned, kernels, strict=True)
    ]
    used = Counter(device for layout in layouts for device in _used(layout))
    locks = {device: threading.Lock() for device, count in used.items() if count > 1}
    count = window or window_slots(bench.network, plan, layouts, slack)
    slots = open_window(bench.network, bench.batch, count)
    streams = tuple(
        PreparedStream(bench, layout, kernel, slots, locks)
        for layout, kernel in zip(layouts, kernels, strict=True)
    )
    labels = tuple(
        StageLabel(number, stage.number, stage.devices, stage.names)
        for number, layout in enumerate(layouts)
        for stage in layout.stages
    )
    predicted = {use.space: use.predicted_bytes for use in plan.memory}
    return Assembly(streams, labels, slots, _memory(bench, streams, slack, predicted))


def _kernels(bench: Workbench, stream: PlannedStream) -> Callable[[Node], Kernel]:
    """The kernel that a stream gives a node."""
    placed = {layer.name: (layer.device, layer.configuration) for layer in stream.layers}
    return lambda node: bench.kernel(node, *placed[node.name])


def _formats(
    kernel: Callable[[Node], Kernel],
) -> Callable[[Node], tuple[tuple[str, ...], tuple[str, ...]]]:
    return lambda node: (kernel(node).input_formats, kernel(node).output_formats)


def _used(layout: StreamLayout) -> list[str]:
    """The devices of each stage, those included whose memory it copies from or to."""
    owners, types = layout.staging.owners, layout.staging.network.types
    found = []
    for stage in layout.stages:
        sources = (owners[source] for copies in stage.copies for source, _ in copies)
        # Of another form it is memory of the backend's own.
        targets = (owners[end] for _, end in stage.exports if end[2] != types[end[0]].format)
        found += [*{*stage.devices, *sources, *targets}]
    return found


def _workspaces(stage: PreparedStage) -> Counter[str]:
    """What the programs of a stage hold, by space; where kernels hold it, programs take turns."""
    held, shared = Counter[str](), Counter[str]()
    for program in stage.programs:
        space = program.steps[0].kernel.device.space.name
        if type(program).workspace_bytes is Program.workspace_bytes:
            shared[space] = max(shared[space], program.workspace_bytes)
        else:
            held[space] += program.workspace_bytes
    return held + shared


def _memory(
    bench: Workbench,
    streams: tuple[PreparedStream, ...],
    slack: int,
    predicted: Mapping[str, int | None],
) -> tuple[MemoryUse, ...]:
    """What all streams hold, by memory space; weights that several share, once."""
    weights, tensors, alive, workspace = (Counter[str]() for _ in range(4))
    packed: set[int] = set()
    for stream in streams:
        for own in stream.locals:
            for space, held in own.held.items():
                tensors[space] += held.nbytes
                alive[space] += held.bound
        for (_, space, _), ring in stream.rings.items():
            tensors[space] += ring.nbytes
            alive[space] += ring.nbytes * (len(ring.buffers) - slack) // len(ring.buffers)
        for stage in stream.stages:
            kernels = {id(s.kernel): s.kernel for program in stage.programs for s in program.steps}
            for kernel in kernels.values():
                if id(kernel.packed) not in packed:
                    packed.add(id(kernel.packed))
                    weights[kernel.device.space.name] += kernel.weight_bytes
            tensors[HOST] += stage.carried_bytes
            alive[HOST] += stage.carried_bytes
            workspace.update(_workspaces(stage))
    spaces = dict.fromkeys(device.space.name for device in bench.board.devices)
    return tuple(
        MemoryUse(
            space,
            weights[space],
            tensors[space],
            alive[space],
            workspace[space],
            predicted.get(space),
        )
        for space in spaces
    )
