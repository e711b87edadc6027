"""Network files: one safetensors file with the arrays, and the graph as JSON in its header.

The header's metadata holds one key, ``bnnplan``: JSON of the schema ``bnnplan.network``. The
arrays are tensors named ``node/field``; see :mod:`bnnplan.models.layer_format` for what is in
them.
"""

from __future__ import annotations

import json
import os
from typing import Any

import attrs
import numpy as np
import safetensors
import safetensors.numpy

from bnnplan.models.errors import FileError, NetworkError
from bnnplan.models.files import (
    Migrations,
    PathLike,
    dump_json,
    parse_json,
    read_bytes,
    structure,
    write_atomically,
)
from bnnplan.models.graph import Network, Node
from bnnplan.models.layer_format import (
    ArrayHeader,
    build_layer,
    pack_array,
    plain_settings,
    unpack_array,
)
from bnnplan.models.structuring import converter
from bnnplan.models.tensors import ElementType, TensorType

SCHEMA = "bnnplan.network"
VERSION = 2
SUFFIX = ".bnn"
MIGRATIONS: Migrations = {1: lambda content: content}
"""Version 1 has no fused poolings, scales and biases; what it has stands as it did."""
_KEY = "bnnplan"
_DTYPES = {"U8": np.uint8, "I32": np.int32, "F32": np.float32}


@attrs.frozen
class _Input:
    name: str
    shape: tuple[int, ...]
    element: ElementType


@attrs.frozen
class _Node:
    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, Any] = attrs.field(factory=dict)
    arrays: dict[str, ArrayHeader] = attrs.field(factory=dict)


@attrs.frozen
class _Graph:
    name: str
    inputs: tuple[_Input, ...]
    nodes: tuple[_Node, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


_CONVERTER = converter()


def save_network(network: Network, path: PathLike) -> None:
    """Write a network to a file; equal networks give equal bytes.

    Raises
    ------
    FileError
        See :func:`bnnplan.models.files.write_atomically`.
    """
    nodes, tensors = [], {}
    for node in network.nodes:
        headers = {}
        for name, array in node.layer.arrays().items():
            headers[name], tensors[f"{node.name}/{name}"] = pack_array(array)
        settings = plain_settings(node.layer)
        nodes.append(
            _Node(node.name, node.layer.kind, node.inputs, node.outputs, settings, headers)
        )
    graph = _Graph(
        network.name,
        tuple(_Input(name, t.shape, t.element) for name, t in network.inputs.items()),
        tuple(nodes),
        network.outputs,
        network.classes,
        network.notes,
    )
    header = dump_json(SCHEMA, VERSION, _CONVERTER.unstructure(graph))
    write_atomically(path, safetensors.numpy.save(tensors, {_KEY: header}))


def load_network(path: PathLike) -> Network:
    """Read a network from a file, and check everything in it.

    Raises
    ------
    FileError
        One line with the file, the field and the reason.
    """
    source = os.fspath(path)
    header, tensors = _open(read_bytes(path), source)
    content = parse_json(header.encode(), source, SCHEMA, VERSION, MIGRATIONS)
    graph = structure(content, _Graph, source, _CONVERTER)
    _check_texts(graph, source)
    nodes = tuple(_node(node, tensors, f"{source}: layer {node.name!r}") for node in graph.nodes)
    if tensors:
        raise FileError(f"{source}: tensor {min(tensors)!r} belongs to no layer")
    names = [entry.name for entry in graph.inputs]
    if len(set(names)) < len(names):
        raise FileError(f"{source}: field inputs: two inputs have one name")
    try:
        inputs = {entry.name: TensorType(entry.shape, entry.element) for entry in graph.inputs}
        network = Network(graph.name, inputs, nodes, graph.outputs, graph.classes, graph.notes)
    except NetworkError as error:
        raise FileError(f"{source}: {error}") from error
    return network


def _check_texts(graph: _Graph, source: str) -> None:
    """Refuse what would break lines or control a terminal when it is printed."""
    wires = (name for node in graph.nodes for name in (node.name, *node.inputs, *node.outputs))
    inputs = (entry.name for entry in graph.inputs)
    for text in (graph.name, *inputs, *wires, *graph.outputs, *graph.classes, *graph.notes):
        if not text.isprintable():
            raise FileError(f"{source}: {text!r:.60} holds characters that cannot be printed")


def _open(data: bytes, source: str) -> tuple[str, dict[str, np.ndarray]]:
    """The graph's JSON and the arrays of a safetensors file."""
    try:
        entries = safetensors.deserialize(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (safetensors.SafetensorError, ValueError) as error:
        raise FileError(
            f"{source}: not a whole safetensors file: {error}; save or copy it again"
        ) from error
    if _KEY not in metadata:
        raise FileError(f"{source}: a safetensors file, but no network of bnnplan")
    tensors = {}
    for name, entry in entries:
        if entry["dtype"] not in _DTYPES:
            raise FileError(f"{source}: tensor {name!r} has unknown type {entry['dtype']}")
        little = np.dtype(_DTYPES[entry["dtype"]]).newbyteorder("<")
        flat = np.frombuffer(entry["data"], little).astype(_DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return metadata[_KEY], tensors


def _node(node: _Node, tensors: dict[str, np.ndarray], source: str) -> Node:
    arrays = {}
    for name, header in node.arrays.items():
        stored = tensors.pop(f"{node.name}/{name}", None)
        if stored is None:
            raise FileError(f"{source}: tensor {name!r} is missing")
        try:
            arrays[name] = unpack_array(header, stored)
        except NetworkError as error:
            raise FileError(f"{source}: tensor {name!r} {error}") from error
    layer = build_layer(node.kind, node.settings, arrays, source)
    return Node(node.name, layer, node.inputs, node.outputs)
