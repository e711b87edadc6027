"""Signs in all their spellings, and the activations of float parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from onnx.helper import tensor_dtype_to_np_dtype

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.layers import Clip, PRelu, Quantize, Rounding, Softmax
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.folding import clip_limits
from bnnplan.models.onnx.operators.arguments import Handler, Value, constant, optional, traced
from bnnplan.models.onnx.reading import Operation
from bnnplan.models.onnx.stepping import step
from bnnplan.models.onnx.traced import Traced
from bnnplan.models.tensors import ElementType

OLD_SOFTMAX = 13
"""Before this operator set Softmax ran over all axes from ``axis`` on, by default from 1."""

INFINITY = float("inf")


@frozen
class Comparison:
    """``x OP constant`` as a step: its sign at 0, and whether +1 stands for true or for false."""

    zero: int
    true: int


COMPARISONS = {
    "Greater": Comparison(zero=-1, true=1),
    "GreaterOrEqual": Comparison(zero=1, true=1),
    "Less": Comparison(zero=1, true=-1),
    "LessOrEqual": Comparison(zero=-1, true=-1),
}
MIRRORED = {
    "Greater": "Less",
    "GreaterOrEqual": "LessOrEqual",
    "Less": "Greater",
    "LessOrEqual": "GreaterOrEqual",
}


def _sign(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    return [step(builder, traced(inputs, 0), 1, assumed=True)]


def _compare(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """A comparison with a constant; its result, true or false, are the numbers 1 and 0."""
    first = isinstance(inputs[0], Traced)
    source = traced(inputs, 0 if first else 1)
    number = constant(inputs, 1 if first else 0).astype(np.float64)
    how = COMPARISONS[operation.kind if first else MIRRORED[operation.kind]]
    bits = step(builder, builder.then(source, 1.0, -number), how.zero)
    return [bits.then(how.true / 2, 0.5)]


def _where(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """A choice of two constants by a comparison: an affine map of its 1 or 0."""
    chosen, other = (constant(inputs, k).astype(np.float64) for k in (1, 2))
    return [builder.then(traced(inputs, 0), chosen - other, other)]


def _clip(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    for position in (1, 2):
        optional(inputs, position)
    low, high = clip_limits(operation, inputs)
    return _clipped(builder, traced(inputs, 0), low, high)


def _clipped(builder: Builder, source: Traced, low: float, high: float) -> list[Traced]:
    return [builder.apply(Clip(low, high), builder.floats(source))]


def _relu(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    return _clipped(builder, traced(inputs, 0), 0.0, INFINITY)


def _extreme(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """Max or Min of a tensor and one number."""
    if len(inputs) != 2:
        raise UnsupportedError(f"{len(inputs)} inputs; a tensor and a number are supported")
    first = isinstance(inputs[0], Traced)
    limit = constant(inputs, 1 if first else 0)
    if limit.size != 1:
        raise UnsupportedError(f"a limit of shape {limit.shape}; one number is supported")
    bound = float(limit.reshape(()))
    low, high = (bound, INFINITY) if operation.kind == "Max" else (-INFINITY, bound)
    return _clipped(builder, traced(inputs, 0 if first else 1), low, high)


def _hard_sigmoid(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    given = operation.attributes
    slope, offset = given.get("alpha", 0.2), given.get("beta", 0.5)
    return _clipped(builder, traced(inputs, 0).then(slope, offset), 0.0, 1.0)


def _leaky_relu(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = builder.floats(traced(inputs, 0))
    slope = operation.attributes.get("alpha", 0.01)
    return [builder.apply(PRelu(np.full(source.type.channels, slope)), source)]


def _prelu(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source, slope = builder.floats(traced(inputs, 0)), constant(inputs, 1)
    source, (slopes,) = builder.channelwise(source, slope)
    return [builder.apply(PRelu(slopes), source)]


def _rounded(rounding: Rounding) -> Handler:
    def handler(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
        return [round_to_whole(builder, traced(inputs, 0), rounding)]

    return handler


def round_to_whole(builder: Builder, source: Traced, rounding: Rounding) -> Traced:
    """Whole numbers; what is whole already stays as it is."""
    whole_map = all((a == np.rint(a)).all() for a in (source.affine.scale, source.affine.bias))
    if source.type.element is not ElementType.FLOAT32 and whole_map:
        return source
    source = builder.floats(source)
    ones = np.ones(source.type.channels)
    return builder.apply(Quantize(ones, np.zeros_like(ones), rounding=rounding), source)


def _cast(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    """Between kinds of floats nothing changes; to whole numbers, towards 0."""
    kind = tensor_dtype_to_np_dtype(operation.attributes["to"]).kind
    if kind in "fV":
        return [traced(inputs, 0)]
    if kind in "iu":
        return [round_to_whole(builder, traced(inputs, 0), Rounding.TO_ZERO)]
    raise UnsupportedError("a cast to anything but floats and integers")


def _softmax(builder: Builder, operation: Operation, inputs: Sequence[Value]) -> list[Traced]:
    source = traced(inputs, 0)
    rank = len(source.axes)
    old = builder.opset < OLD_SOFTMAX
    axis = operation.attributes.get("axis", 1 if old else -1) % rank
    covered = "".join(source.axes[axis:] if old else source.axes[axis : axis + 1])
    everything = {atom for part in source.axes for atom in part} - {"N"}
    if set(covered) == everything:
        source = builder.vector(source) if set(covered) - {"C"} else source
    elif covered != "C":
        raise UnsupportedError(f"axis {axis}: only softmax over the channels is supported")
    layer = Softmax(log=operation.kind == "LogSoftmax")
    return [builder.apply(layer, builder.floats(source))]


ACTIVATIONS: dict[str, Handler] = {
    "Sign": _sign,
    **dict.fromkeys(COMPARISONS, _compare),
    "Where": _where,
    "Clip": _clip,
    "Relu": _relu,
    "Max": _extreme,
    "Min": _extreme,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "Floor": _rounded(Rounding.FLOOR),
    "Ceil": _rounded(Rounding.CEIL),
    "Round": _rounded(Rounding.NEAREST_EVEN),
    "Cast": _cast,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
}
