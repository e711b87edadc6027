"""What no plan of a problem exceeds: sums that bound its time, energy and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnnplan.planner.problem import Problem


def horizon(problem: Problem) -> int:
    """Give a time (ns) that no plan needs to exceed: everything slowest, one after another."""
    total = sum(max(option.duration for option in task.options) for task in problem.tasks)
    total += max((entry.duration for entry in problem.entries), default=0) * len(problem.tasks)
    for tensor in problem.tensors:
        slowest: dict[str, int] = {}
        for move in tensor.transfers:
            slowest[move.target] = max(slowest.get(move.target, 0), move.duration)
        total += sum(slowest.values())
        total += max((export.duration for export in tensor.exports), default=0)
    return total


def most_energy(problem: Problem) -> int:
    """Give an energy (nJ) that no plan exceeds."""
    total = sum(max(option.energy for option in task.options) for task in problem.tasks)
    for tensor in problem.tensors:
        total += sum(move.energy for move in tensor.transfers)
        total += max((export.energy for export in tensor.exports), default=0)
    return total


def most_bytes(problem: Problem) -> int:
    """Give the bytes of everything at once: in one inference, no limit at or above it binds.

    A pipeline may hold a tensor several times.
    """
    total = sum(
        max(option.weight_bytes + option.workspace_bytes for option in task.options)
        for task in problem.tasks
    )
    return total + sum(size.bytes for tensor in problem.tensors for size in tensor.sizes)
