"""Writes files of larq-compute-engine: TensorFlow Lite with three operators more."""

from __future__ import annotations

from typing import Any

import numpy as np
from flatbuffers import Builder

from peers.larq_modules import schema

IDENTIFIER = b"TFL3"
VERSION = 3
ABSENT = -1
"""Index of an optional input that is left out."""


class File:
    """Tensors and operators of one graph without inputs, in the order in which they are added."""

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [schema().BufferT()]
        self._operators: list[Any] = []
        self._codes: list[tuple[int, bytes]] = []

    def tensor(self, shape: tuple[int, ...], element: str) -> int:
        """A new tensor, of an element type such as ``FLOAT32``."""
        made = schema().TensorT()
        made.shape = list(shape)
        made.type = getattr(schema().TensorType, element)
        made.name = f"tensor{len(self._tensors)}".encode()
        self._tensors.append(made)
        return len(self._tensors) - 1

    def constant(self, data: np.ndarray) -> int:
        """A new tensor with contents, float32 or int32."""
        made = self.tensor(data.shape, str(data.dtype).upper())
        buffer = schema().BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self._tensors[made].buffer = len(self._buffers)
        self._buffers.append(buffer)
        return made

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(self._tensors[tensor].shape)

    def own(self, kind: bytes, inputs: list[int], output: int, options: bytes = b"") -> None:
        """Add one of larq's operators, its options as a flexbuffer."""
        made = self._operator(schema().BuiltinOperator.CUSTOM, kind, inputs, [output])
        made.customOptions = np.frombuffer(options, np.uint8)

    def builtin(
        self, kind: str, inputs: list[int], output: int, options: str = "", **fields: Any
    ) -> None:
        """Add one of TensorFlow Lite's operators, such as ``SUB``, with its ``SubOptions``."""
        made = self._operator(getattr(schema().BuiltinOperator, kind), b"", inputs, [output])
        if options:
            made.builtinOptionsType = getattr(schema().BuiltinOptions, options)
            made.builtinOptions = getattr(schema(), f"{options}T")()
        for name, value in fields.items():
            setattr(made.builtinOptions, name, value)

    def _operator(self, code: int, custom: bytes, inputs: list[int], outputs: list[int]) -> Any:
        if (code, custom) not in self._codes:
            self._codes.append((code, custom))
        made = schema().OperatorT()
        made.opcodeIndex = self._codes.index((code, custom))
        made.inputs, made.outputs = inputs, outputs
        self._operators.append(made)
        return made

    def finish(self, outputs: list[int]) -> bytes:
        """The bytes of the file."""
        graph = schema().SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = [], outputs
        model = schema().ModelT()
        model.version, model.subgraphs, model.buffers = VERSION, [graph], self._buffers
        model.operatorCodes = [_code(*code) for code in self._codes]
        builder = Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())


def _code(code: int, custom: bytes) -> Any:
    made = schema().OperatorCodeT()
    made.deprecatedBuiltinCode = min(code, 127)
    made.builtinCode = code
    made.customCode = custom or None
    return made
