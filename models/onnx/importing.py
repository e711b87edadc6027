"""The way from an ONNX file to a network."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve, field, frozen

from bnnplan.models.errors import BnnplanError, InputError, NetworkError, UnsupportedError
from bnnplan.models.graph import Network, Node
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.cleaning import renamed, with_images_as_inputs, without_dead
from bnnplan.models.onnx.estimators import without_estimators
from bnnplan.models.onnx.folding import MAX_KEPT
from bnnplan.models.onnx.inputs import trace_input
from bnnplan.models.onnx.operators import CONSTANT_RULES, HANDLERS, Value, bare_kind
from bnnplan.models.onnx.ordering import needed_operations
from bnnplan.models.onnx.reading import OnnxGraph, Operation, read_graph
from bnnplan.models.onnx.report import ImportReport, report_on
from bnnplan.models.onnx.traced import Traced
from bnnplan.models.tensors import ElementType

if TYPE_CHECKING:
    from bnnplan.models.normalization import Normalization

MALFORMED = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What broken attributes and shapes raise inside numpy and the handlers."""

ESTIMATOR_ASSUMPTION = "straight-through estimators, (b - c) + c, taken as b"

MAX_LISTED = 5
"""Node names shown per unsupported operator."""


@frozen
class Imported:
    """An imported network and what its import recognised and assumed."""

    network: Network
    report: ImportReport


@frozen
class _Unsupported:
    """Why an operator cannot be imported; stands for its outputs while the others are looked at."""

    kind: str
    reason: str
    names: list[str] = field(factory=list)


def import_onnx(
    path: str | Path,
    *,
    name: str | None = None,
    normalization: Normalization | None = None,
    classes: Iterable[str] = (),
) -> Imported:
    """Make a network of an ONNX or QONNX file, operator sets 9 and newer.

    Parameters
    ----------
    path : str or Path
        An ``.onnx`` file, gzip-packed or not.
    name : str, optional
        Name of the network; the file's by default.
    normalization : Normalization, optional
        What turns plain pixels into what the file's network expects. With it the network takes
        uint8 pixels; without it, what the file declares.
    classes : iterable of str
        Names of the classes.

    Returns
    -------
    Imported
        The network, with layers as the file has them and images as (height, width, channels),
        and the report.

    Raises
    ------
    FileError
        If the file is unreadable, truncated, or no ONNX model.
    UnsupportedError
        For operators that have no equivalent; all of them are named.
    NetworkError
        If the graph contradicts itself.
    InputError
        If there are more or fewer classes than the network has outputs.
    """
    path = Path(path)
    graph = read_graph(path)
    try:
        with np.errstate(all="ignore"):  # layers refuse what is not finite
            return _Import(graph, normalization).finish(name or _stem(path), tuple(classes))
    except BnnplanError as error:
        raise type(error)(f"{path}: {error}") from error


def _stem(path: Path) -> str:
    return re.sub(r"(\.onnx)?(\.gz)?$", "", path.name) or path.name


class _Import:
    def __init__(self, graph: OnnxGraph, normalization: Normalization | None) -> None:
        self.graph, self.estimators = without_estimators(graph)
        self.folded: list[str] = []
        self.kept = 0
        self.values: dict[str, Value | _Unsupported] = {"": None, **graph.constants}
        if not graph.inputs:
            raise NetworkError("the graph has no inputs, only constants")
        if normalization is not None and len(graph.inputs) > 1:
            raise UnsupportedError(f"a normalization, but {len(graph.inputs)} inputs")
        self.normalized = (
            (f"pixels are normalized inside: {normalization}",) if normalization else ()
        )
        self.inputs = [trace_input(graph, given, normalization) for given in graph.inputs]
        batches = {given.extents[0] for given in graph.inputs} - {None}
        self.builder = Builder(graph.opset, batches.pop() if batches else None)
        self.builder.reserve([*(traced.name for traced in self.inputs), *graph.outputs])
        self.values.update((traced.name, traced) for traced in self.inputs)

    def finish(self, name: str, classes: tuple[str, ...]) -> Imported:
        """Trace all operators and make the network."""
        reasons: dict[tuple[str, str], _Unsupported] = {}
        operations = needed_operations(self.graph)
        readers = Counter(name for operation in operations for name in operation.inputs)
        readers.update(("", *self.graph.outputs))
        for operation in operations:
            made = self._trace(operation)
            self._forget(operation, readers)
            if isinstance(made, _Unsupported):
                reasons.setdefault((made.kind, made.reason), made).names.append(operation.name)
        if reasons:
            raise UnsupportedError(_listed(list(reasons.values())))
        results = {output: self._result(output) for output in self.graph.outputs}
        wanted = tuple(results.values())
        nodes = without_dead(self.builder.nodes, wanted)
        types = {traced.name: traced.type for traced in self.inputs}
        types, nodes = with_images_as_inputs(types, nodes, wanted)
        names = {tensor: output for output, tensor in results.items() if tensor not in types}
        assumptions = self._assumptions(nodes)
        network = Network(
            name=name,
            inputs=types,
            nodes=renamed(nodes, names),
            outputs=[names.get(tensor, tensor) for tensor in wanted],
            classes=classes,
            notes=(f"imported from {Path(self.graph.source).name}", *self.normalized, *assumptions),
        )
        _check_classes(network)
        return Imported(network, report_on(network, assumptions, self.folded))

    def _trace(self, operation: Operation) -> _Unsupported | None:
        """Find what the operator's outputs are; the reason if it is unsupported."""
        kind = bare_kind(operation.kind)
        inputs = [self.values[name] for name in operation.inputs]
        outcome: Sequence[Value] | _Unsupported
        failed = next((value for value in inputs if isinstance(value, _Unsupported)), None)
        reported = None
        if kind not in HANDLERS and kind not in CONSTANT_RULES:
            outcome = reported = _Unsupported(operation.kind, "")
        elif failed is not None:
            outcome = failed
        else:
            try:
                outcome = self._compute(operation, kind, inputs)
            except UnsupportedError as error:
                outcome = reported = _Unsupported(operation.kind, str(error))
            except NetworkError as error:
                raise NetworkError(f"node {operation.name!r} ({kind}): {error}") from error
            except MALFORMED as error:
                raise NetworkError(
                    f"node {operation.name!r} ({kind}): malformed attributes or shapes: "
                    f"{' '.join(str(error).split())[:120]}"
                ) from error
        for position, output in enumerate(operation.outputs):
            if isinstance(outcome, _Unsupported):
                self.values[output] = outcome
            elif position < len(outcome):
                self.values[output] = outcome[position]
            else:
                self.values[output] = _Unsupported(operation.kind, f"output {position}")
        return reported

    def _forget(self, operation: Operation, readers: Counter[str]) -> None:
        """Let go of what nothing will read again; small files can compute much."""
        readers.subtract(operation.inputs)
        for name in {*operation.inputs, *operation.outputs}:
            if name and readers[name] <= 0 and name not in self.graph.constants:
                self.kept -= _elements(self.values.pop(name, None))

    def _compute(self, operation: Operation, kind: str, inputs: list) -> Sequence[Value]:
        operation = evolve(operation, kind=kind)
        traced = [value for value in inputs if isinstance(value, Traced)]
        if kind == "Shape" and traced:
            self.folded.append(kind)
            start, end = (operation.attributes.get(key) for key in ("start", "end"))
            return [np.array(traced[0].shape[start:end], np.int64)]
        if traced:
            if kind not in HANDLERS:
                raise UnsupportedError("on data; on constants it would be")
            self.builder.current = operation.name
            return HANDLERS[kind](self.builder, operation, inputs)
        if kind not in CONSTANT_RULES:
            raise UnsupportedError("on constants")
        self.folded.append(kind)
        made = CONSTANT_RULES[kind](operation, inputs)
        arrays = made if isinstance(made, list) else [np.asarray(made)]
        self.kept += sum(_elements(array) for array in arrays[: len(operation.outputs)])
        if self.kept > MAX_KEPT:
            raise NetworkError(f"the graph keeps more than {MAX_KEPT} computed constants at once")
        return arrays

    def _result(self, output: str) -> str:
        """The network's tensor for an output of the graph."""
        value = self.values.get(output)
        if not isinstance(value, Traced):
            raise NetworkError(f"output {output!r} does not depend on any input")
        self.builder.current = output
        result = self.builder.plain(value)
        if result.type.element is not ElementType.INT32:
            result = self.builder.floats(result)
        if len(result.axes) <= 2:
            result = self.builder.vector(self.builder.in_order(result))
        return result.name

    def _assumptions(self, nodes: Iterable[Node]) -> tuple[str, ...]:
        found = defaultdict(list)
        for node in nodes:
            if (line := self.builder.assumptions.get(node.outputs[0])) is not None:
                found[line].append(node.name)
        if self.estimators:
            found[ESTIMATOR_ASSUMPTION].extend(self.estimators)
        return tuple(f"{line} ({', '.join(names)})" for line, names in found.items())


def _check_classes(network: Network) -> None:
    """Every element of the first output must have a name if any has."""
    count = network.types[network.outputs[0]].elements
    if network.classes and len(network.classes) != count:
        raise InputError(
            f"{len(network.classes)} names of classes, but output {network.outputs[0]!r} has "
            f"{count} elements"
        )


def _elements(value: object) -> int:
    return value.size if isinstance(value, np.ndarray) else 0


def _listed(found: list[_Unsupported]) -> str:
    """All that is unsupported, in one line."""
    parts = []
    for entry in sorted(found, key=lambda e: (e.kind, e.reason)):
        shown = ", ".join(entry.names[:MAX_LISTED])
        more = ", ..." if len(entry.names) > MAX_LISTED else ""
        reason = f": {entry.reason}" if entry.reason else ""
        parts.append(f"{len(entry.names)} × {entry.kind} ({shown}{more}){reason}")
    return f"unsupported operators: {'; '.join(parts)}"
