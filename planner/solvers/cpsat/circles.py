"""No part waits for what waits for it: contiguous devices in CP-SAT, by positions."""

from __future__ import annotations

from bnnplan.planner.solvers.cpsat.placement import Placement


def forbid_circles(placement: Placement) -> None:
    """Let the parts of contiguous devices and all other tasks have an order.

    Each part has a position, and each other task lies between two parts, or before or after all.
    What a task reads is not behind it. If there is an order of parts and tasks, there are such
    positions, and the other way round, since other tasks cannot wait for each other in a circle.
    """
    graph, model = placement.graph, placement.model
    used = {
        device
        for task in range(len(graph.tasks))
        for device in placement.on_device(task)
        if device in graph.contiguous
    }
    position = {
        device: model.new_int_var(0, len(used) - 1, f"position_{device}") for device in sorted(used)
    }
    model.add_all_different(position.values())
    rank = []
    for task in range(len(graph.tasks)):
        before = model.new_int_var(0, len(used), f"before_{task}")
        there = {
            device: literal
            for device, literal in placement.on_device(task).items()
            if device in used
        }
        for device, literal in there.items():
            model.add(before == position[device]).only_enforce_if(literal)
        rank.append(2 * before + sum(there.values()))
    for link in graph.links:
        model.add(rank[link.source] <= rank[link.target])
