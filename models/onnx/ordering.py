"""The order in which the operators of a graph are looked at."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from bnnplan.models.errors import NetworkError
from bnnplan.models.onnx.reading import OnnxGraph, Operation

MAX_LISTED = 5
"""Nodes shown of a cycle."""


def needed_operations(graph: OnnxGraph) -> list[Operation]:
    """The operators that the outputs need, each after those that it reads.

    Raises
    ------
    NetworkError
        If a tensor is made twice or by nothing, or operators wait for each other.
    """
    makers: dict[str, Operation] = {}
    given = {value.name for value in graph.inputs} | set(graph.constants) | {""}
    for operation in graph.operations:
        for output in operation.outputs:
            if output and (output in makers or output in given):
                raise NetworkError(f"node {operation.name!r}: tensor {output!r} is made twice")
            makers[output] = operation
    makers.pop("", None)
    sorter: TopologicalSorter[int] = TopologicalSorter()
    by_identity = {id(operation): operation for operation in graph.operations}
    waiting: list[tuple[str, str]] = [(output, "the graph's outputs") for output in graph.outputs]
    seen: set[int] = set()
    while waiting:
        tensor, reader = waiting.pop()
        if tensor in given:
            continue
        if tensor not in makers:
            raise NetworkError(f"tensor {tensor!r}, read by {reader}, is missing: nothing makes it")
        operation = makers[tensor]
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        before = [makers[name] for name in operation.inputs if name in makers]
        sorter.add(id(operation), *map(id, before))
        waiting += [(name, f"node {operation.name!r}") for name in operation.inputs]
    try:
        return [by_identity[key] for key in sorter.static_order()]
    except CycleError as error:
        names = [repr(by_identity[key].name) for key in error.args[1][:MAX_LISTED]]
        raise NetworkError(f"nodes form a cycle through {', '.join(names)}") from error
