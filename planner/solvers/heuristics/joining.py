"""Choices whose contiguous parts do not wait for each other in a circle."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.structure import Graph


def without_circles(graph: Graph, kept: Kept, choice: Sequence[int]) -> list[int]:
    """Change a choice where a task would close a circle of parts.

    Tasks are taken in the order of the graph. One that may not join the part of its device gets
    the fastest option of those it may have, on a device of its inputs if there is one; where it
    may have none, it keeps what it has, and the circle stays.
    """
    parts = _Parts(graph)
    changed = [*choice]
    for task in graph.order:
        options = graph.tasks[task].options
        if not parts.may_join(task, options[changed[task]].device):
            near = {parts.devices[link.source] for link in graph.inputs[task]}
            changed[task] = min(
                (index for index in kept[task] if parts.may_join(task, options[index].device)),
                key=lambda index: (options[index].device not in near, options[index].duration),
                default=changed[task],
            )
        parts.join(task, options[changed[task]].device)
    return changed


class _Parts:
    """Which parts each task and each part waits for, as bit masks; tasks join one by one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.devices = [""] * len(graph.tasks)
        self.bit = {name: 1 << place for place, name in enumerate(sorted(graph.contiguous))}
        self.before = dict.fromkeys(self.bit, 0)
        self.waits = [0] * len(graph.tasks)

    def may_join(self, task: int, device: str) -> bool:
        """Tell whether a task, all of whose inputs have joined, closes no circle on a device."""
        return not self._all_before(self._read(task, device)) & self.bit.get(device, 0)

    def join(self, task: int, device: str) -> None:
        """Put a task on a device."""
        self.devices[task] = device
        if device in self.bit:
            self.before[device] |= self._read(task, device)
            self.waits[task] = self.bit[device]
        else:
            self.waits[task] = self._read(task, device)

    def _read(self, task: int, device: str) -> int:
        mask = 0
        for link in self.graph.inputs[task]:
            if self.devices[link.source] != device or device not in self.bit:
                mask |= self.waits[link.source]
        return mask

    def _all_before(self, mask: int) -> int:
        """Add what the parts of a mask wait for themselves, directly or not."""
        while True:
            more = mask
            for device, bit in self.bit.items():
                if mask & bit:
                    more |= self.before[device]
            if more == mask:
                return mask
            mask = more
