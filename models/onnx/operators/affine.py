"""Operators that become part of a pending scale and bias, or an addition of two tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.layers import Add, BatchNorm
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.operators.arguments import Handler, Value, constant, traced
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.traced import Affine, Traced
from bnnplan.models.tensors import ElementType

SUMMABLE = (ElementType.INT32, ElementType.FLOAT32)


def _sum(builder: Builder, a: Traced, b: Traced) -> Traced:
    """Sum of two tensors; their scales move behind it where they agree."""
    if a.extents != b.extents or a.axes != b.axes:
        raise UnsupportedError(
            f"the sum of tensors of shapes {builder.shown(a)} and {builder.shown(b)}"
        )
    if a.is_image != b.is_image:
        a, b = builder.vector(a), builder.vector(b)
    alike = a.type == b.type and a.type.element in SUMMABLE
    padded = a.padding is not None or b.padding is not None
    if padded or not alike or not np.array_equal(a.affine.scale, b.affine.scale):
        a, b = builder.floats(a), builder.floats(b)
    affine = Affine(a.affine.scale, a.affine.bias + b.affine.bias)
    ((name, type),) = builder.emit(Add(), [a, b])
    return evolve(a, name=name, type=type, affine=affine, sign_of=None)


def _linear(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """Add, Sub, Mul and Div of a tensor and a constant, Add and Sub of two tensors."""
    if len(inputs) != 2:
        raise NetworkError(f"it has {len(inputs)} inputs instead of 2")
    kind = operation.kind
    a, b = inputs
    if isinstance(a, Traced) and isinstance(b, Traced):
        if kind not in ("Add", "Sub"):
            raise UnsupportedError("two tensors that both depend on the input")
        return [_sum(builder, a, b if kind == "Add" else b.then(-1, 0))]
    source = traced(inputs, 0 if isinstance(a, Traced) else 1)
    number = constant(inputs, 1 if isinstance(a, Traced) else 0).astype(np.float64)
    if kind == "Add":
        return [builder.then(source, 1.0, number)]
    if kind == "Mul":
        return [builder.then(source, number, 0.0)]
    if kind == "Sub":
        first = isinstance(a, Traced)
        return [builder.then(source, 1.0 if first else -1.0, -number if first else number)]
    if not isinstance(a, Traced):
        raise UnsupportedError("a constant divided by a tensor")
    if (number == 0).any():
        raise NetworkError("it divides by 0")
    return [builder.then(source, 1 / number, 0.0)]


def _add_all(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    total = traced(inputs, 0)
    for position in range(1, len(inputs)):
        total = _sum(builder, total, traced(inputs, position))
    return [total]


def _negate(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    return [traced(inputs, 0).then(-1, 0)]


def _not(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    return [traced(inputs, 0).then(-1, 1)]


def _batch_norm(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    if operation.attributes.get("training_mode", 0):
        raise UnsupportedError("training_mode; export the network for inference")
    source = traced(inputs, 0)
    trailing = (1,) * (len(source.axes) - 2)
    given = [constant(inputs, k).reshape(-1, *trailing) for k in (1, 2, 3, 4)]
    source, (gamma, beta, mean, variance) = builder.channelwise(source, *given)
    norm = BatchNorm(gamma, beta, mean, variance, operation.attributes.get("epsilon", 1e-5))
    scale = gamma / np.sqrt(variance + norm.epsilon)
    result = source.then(scale, beta - mean * scale)
    if source.affine.is_identity:
        result = evolve(result, affine=evolve(result.affine, norm=norm))
    return [result]


def _unchanged(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """Identity and the like; only the first of several outputs, such as Dropout's, is made."""
    return [traced(inputs, 0)]


AFFINE: dict[str, Handler] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _linear),
    "Sum": _add_all,
    "Neg": _negate,
    "Not": _not,
    "BatchNormalization": _batch_norm,
    "Identity": _unchanged,
    "Dropout": _unchanged,
}
