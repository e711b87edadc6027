"""Read an ONNX file into plain data, trusting nothing in it.

Whatever is wrong with a file becomes one :class:`FileError`; array sizes are taken from the bytes
that are there, never from what the file claims.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from attrs import Factory, frozen
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from bnnplan.models.errors import FileError, UnsupportedError

MAX_BYTES = 2**31
"""Protocol buffers, and so ONNX files, end at 2 GiB; what unpacks to more is refused."""

OLDEST_OPSET = 9
GZIP_MAGIC = b"\x1f\x8b"
STANDARD_DOMAINS = ("", "ai.onnx")


@frozen(eq=False)
class Operation:
    """One ONNX node as plain data.

    Parameters
    ----------
    name : str
        The node's name, or where it has none, that of its first output.
    kind : str
        ``op_type``, with the domain before it unless it is the standard one.
    inputs, outputs : tuple of str
        Names of tensors; an empty one is an optional input left out.
    attributes : dict
        By name: numbers, text, lists of them, or arrays.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@frozen(eq=False)
class GraphInput:
    """What a graph declares to be fed: name, extents (None where symbolic), ONNX element type."""

    name: str
    extents: tuple[int | None, ...]
    element: int


@frozen(eq=False)
class OnnxGraph:
    """An ONNX graph as plain data."""

    source: str
    opset: int
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    constants: dict[str, np.ndarray] = Factory(dict)


def read_graph(path: Path) -> OnnxGraph:
    """Read an ``.onnx`` file, gzip-packed or not.

    Raises
    ------
    FileError
        If it cannot be read, is no ONNX model, is truncated, or contradicts itself.
    UnsupportedError
        If its operator set is older than 9, or newer than the installed onnx.
    """
    source = str(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(_unpacked(path))
    except DecodeError as error:
        raise FileError(f"{source}: not an ONNX model, or truncated; export it again") from error
    graph = model.graph
    if not model.opset_import or not (graph.node and graph.output):
        raise FileError(f"{source}: not an ONNX model: it has no operators or no outputs")
    opset = max((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), default=0)
    if opset < OLDEST_OPSET:
        raise UnsupportedError(
            f"{source}: operator set {opset} is older than {OLDEST_OPSET}; "
            "export the network with a newer one"
        )
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise UnsupportedError(
            f"{source}: operator set {opset} is newer than {newest}, the newest that onnx "
            f"{onnx.__version__} knows; upgrade onnx or export the network with an older one"
        )
    if graph.sparse_initializer:
        raise UnsupportedError(f"{source}: sparse initialisers are not supported; make them dense")
    constants = {_text(t.name): _array(t, path) for t in graph.initializer}
    return OnnxGraph(
        source=source,
        opset=opset,
        inputs=tuple(_input(v, source) for v in graph.input if _text(v.name) not in constants),
        outputs=tuple(_text(v.name) for v in graph.output),
        operations=tuple(_operation(n, path) for n in graph.node),
        constants=constants,
    )


def _unpacked(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path}: larger than 2 GiB, which no ONNX file can be")
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    if not data.startswith(GZIP_MAGIC):
        return data
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        data = unpacker.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise FileError(f"{path}: damaged gzip data: {error}") from error
    if unpacker.unconsumed_tail:
        raise FileError(f"{path}: unpacks to more than 2 GiB, which no ONNX file can be")
    if not unpacker.eof:
        raise FileError(f"{path}: gzip data is truncated")
    return data


def _array(tensor: onnx.TensorProto, path: Path) -> np.ndarray:
    """The elements of a tensor, from the bytes present."""
    where = f"{path}: tensor {_text(tensor.name)!r}"
    if min(tensor.dims, default=0) < 0 or len(tensor.dims) > 32:
        raise FileError(f"{where} has impossible dimensions {list(tensor.dims)[:8]}")
    try:
        array = numpy_helper.to_array(tensor, base_dir=str(path.parent))
    except (OSError, onnx.checker.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise FileError(f"{where}: its external data cannot be read: {reason}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(f"{where}: its bytes do not fit dimensions {list(tensor.dims)}") from error
    if array.size != math.prod(tensor.dims):
        raise FileError(f"{where}: its bytes do not fit dimensions {list(tensor.dims)}")
    return array


def _text(value: str | bytes) -> str:
    """A name as printable text; damaged files yield bytes, hostile ones control characters."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _input(value: onnx.ValueInfoProto, source: str) -> GraphInput:
    name, kind = _text(value.name), value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise FileError(f"{source}: input {name!r} is no tensor of known rank")
    extents = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    if any(e is not None and e < 1 for e in extents[1:]):
        raise FileError(f"{source}: input {name!r} has an extent below 1: {extents}")
    return GraphInput(name, extents, kind.elem_type)


def _operation(node: onnx.NodeProto, path: Path) -> Operation:
    domain = _text(node.domain)
    kind, outputs = _text(node.op_type), tuple(map(_text, node.output))
    return Operation(
        name=_text(node.name) or next(filter(None, outputs), kind),
        kind=kind if domain in STANDARD_DOMAINS else f"{domain}.{kind}",
        inputs=tuple(map(_text, node.input)),
        outputs=outputs,
        attributes={_text(a.name): _attribute(a, path) for a in node.attribute},
    )


def _attribute(attribute: onnx.AttributeProto, path: Path) -> Any:
    kinds = onnx.AttributeProto
    if attribute.type == kinds.TENSOR:
        return _array(attribute.t, path)
    if attribute.type in (kinds.FLOAT, kinds.INT, kinds.FLOATS, kinds.INTS):
        return onnx.helper.get_attribute_value(attribute)
    if attribute.type == kinds.STRING:
        return attribute.s.decode(errors="replace")
    return None
