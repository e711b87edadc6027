"""Straight-through estimators, which exporters leave in graphs, taken as what they stand for.

Training code passes gradients around a sign as ``x + (sign(x) - x).detach()`` or as
``sign(x).detach() - soft(x).detach() + soft(x)``. Exporters drop `detach`, so that files compute
``(b - c) + c`` where ``b`` is meant, with a rounding error that no bit can hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import evolve

from bnnplan.models.onnx.reading import OnnxGraph, Operation

ELEMENTWISE = frozenset(
    (
        *("Abs", "Add", "Cast", "Clip", "Div", "Exp", "HardSigmoid", "Identity", "Max", "Min"),
        *("Mul", "Neg", "Pow", "Relu", "Sigmoid", "Sign", "Sqrt", "Sub", "Tanh", "Where"),
        *("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"),
    )
)
MAX_OPERATIONS = 100
"""Longest elementwise computation that an estimator is recognised in."""


def without_estimators(graph: OnnxGraph) -> tuple[OnnxGraph, tuple[str, ...]]:
    """The graph with ``b`` in the place of ``(b - c) + c`` and ``c - (c - b)``.

    Only where ``c`` is computed, element by element, from what ``b`` is computed from, so that it
    has the shape of ``b``.

    Returns
    -------
    graph : OnnxGraph
    names : tuple of str
        Of the operations that were an estimator's last.
    """
    finder = _Finder(graph)
    operations, names = [], []
    for operation in graph.operations:
        meant = finder.meant_by(operation)
        if meant is not None:
            operation = evolve(operation, kind="Identity", inputs=(meant,), attributes={})
            names.append(operation.name)
        operations.append(operation)
    return evolve(graph, operations=tuple(operations)), tuple(names)


class _Finder:
    def __init__(self, graph: OnnxGraph) -> None:
        self._constants: Mapping[str, np.ndarray] = graph.constants
        self._makers = {name: made for made in graph.operations for name in made.outputs if name}

    def meant_by(self, operation: Operation) -> str | None:
        """The tensor that an estimator ending in this operation stands for."""
        if operation.kind not in ("Add", "Sub") or len(operation.inputs) != 2:
            return None
        first, second = operation.inputs
        if operation.kind == "Add":
            return self._minuend(first, second) or self._minuend(second, first)
        difference = self._difference(second)
        if difference is None or self._source(difference[0]) != self._source(first):
            return None
        return difference[1] if self._alike(difference[1], first) else None

    def _minuend(self, sum: str, other: str) -> str | None:
        difference = self._difference(sum)
        if difference is None or self._source(difference[1]) != self._source(other):
            return None
        return difference[0] if self._alike(difference[0], other) else None

    def _difference(self, name: str) -> tuple[str, str] | None:
        made = self._makers.get(self._source(name))
        if made is None or made.kind != "Sub" or len(made.inputs) != 2:
            return None
        return made.inputs[0], made.inputs[1]

    def _source(self, name: str) -> str:
        """The tensor that this one is a mere copy of."""
        for _ in range(MAX_OPERATIONS):
            made = self._makers.get(name)
            if made is None or made.kind != "Identity" or not made.inputs:
                break
            name = made.inputs[0]
        return name

    def _alike(self, estimated: str, soft: str) -> bool:
        ours, theirs = self._roots(estimated), self._roots(soft)
        return bool(theirs) and theirs <= ours

    def _roots(self, name: str) -> set[str]:
        """What a tensor is computed from, element by element; numbers do not count."""
        waiting, seen, roots = [name], set(), set()
        while waiting:
            tensor = waiting.pop()
            if tensor in seen:
                continue
            seen.add(tensor)
            if len(seen) > MAX_OPERATIONS:
                return set()
            made = self._makers.get(tensor)
            if made is not None and made.kind in ELEMENTWISE:
                waiting += made.inputs
            elif tensor and not self._is_number(tensor, made):
                roots.add(tensor)
        return roots

    def _is_number(self, name: str, made: Operation | None) -> bool:
        if made is None:
            return name in self._constants and self._constants[name].size == 1
        values = made.attributes.values() if made.kind == "Constant" else ()
        return any(np.size(value) == 1 for value in values)
