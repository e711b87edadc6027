"""What layers make of the types of their inputs, and what they refuse."""

import numpy as np
import pytest

from bnnplan.models.errors import NetworkError
from bnnplan.models.layers import (
    Add,
    AveragePool2d,
    BatchNorm,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightDense,
    Clip,
    Concat,
    Flatten,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
    MultiThreshold,
    Quantize,
    Reshape,
    ScaleBias,
    Sign,
    Split,
    Threshold,
    Transpose,
)
from bnnplan.models.tensors import TensorType

IMAGE, VECTOR = (6, 5, 4), (4,)
WEIGHT = np.ones((8, 3, 3, 4), np.int8)
RULE = Threshold(np.zeros(8, np.int32), np.zeros(8, bool))


def bits(shape):
    return TensorType(shape, "bit")


def floats(shape):
    return TensorType(shape, "float32")


def whole(shape):
    return TensorType(shape, "int32")


@pytest.mark.parametrize(
    ("layer", "inputs", "outputs"),
    [
        (BinaryConv2d(WEIGHT), [bits(IMAGE)], [whole((4, 3, 8))]),
        (BinaryConv2d(WEIGHT, threshold=RULE), [bits(IMAGE)], [bits((4, 3, 8))]),
        (BinaryConv2d(WEIGHT, strides=2, pads=1), [bits(IMAGE)], [whole((3, 3, 8))]),
        (BinaryConv2d(WEIGHT, dilations=2, pads=(1, 0, 2, 0)), [bits(IMAGE)], [whole((5, 1, 8))]),
        (BinaryConv2d(WEIGHT[..., :2], groups=2), [bits(IMAGE)], [whole((4, 3, 8))]),
        (BinaryWeightDense(np.ones((3, 4))), [TensorType(VECTOR, "uint8")], [whole((3,))]),
        (BinaryWeightDense(np.ones((3, 4))), [floats(VECTOR)], [floats((3,))]),
        (Sign(), [whole(IMAGE)], [bits(IMAGE)]),
        (ScaleBias(np.ones(4), np.ones(4)), [bits(VECTOR)], [floats(VECTOR)]),
        (MaxPool2d(2, 2), [bits(IMAGE)], [bits((3, 2, 4))]),
        (AveragePool2d(3, 1, 1), [whole(IMAGE)], [floats(IMAGE)]),
        (Concat(), [bits(IMAGE), bits((6, 5, 3))], [bits((6, 5, 7))]),
        (Split((1, 3)), [bits(IMAGE)], [bits((6, 5, 1)), bits((6, 5, 3))]),
        (Flatten(), [bits(IMAGE)], [bits((120,))]),
        (Reshape((2, 3, 20)), [bits(IMAGE)], [bits((2, 3, 20))]),
        (Transpose((2, 0, 1)), [bits(IMAGE)], [bits((4, 6, 5))]),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else "",
)
def test_types_are_inferred(layer, inputs, outputs):
    assert list(layer.infer(tuple(inputs))) == outputs


@pytest.mark.parametrize(
    ("layer", "inputs", "words"),
    [
        (BinaryConv2d(WEIGHT), [floats(IMAGE)], "takes bit elements"),
        (BinaryConv2d(WEIGHT), [bits(VECTOR)], r"takes an image"),
        (BinaryConv2d(WEIGHT), [bits((6, 5, 3))], "expects 4 channels"),
        (BinaryConv2d(WEIGHT), [bits((2, 5, 4))], "a window of 3 does not fit 2 padded"),
        (BinaryConv2d(WEIGHT, threshold=Threshold([0], [False])), [bits(IMAGE)], "expects 1 chan"),
        (
            BinaryConv2d(WEIGHT, threshold=RULE, pool=MaxPool2d(5, 5)),
            [bits(IMAGE)],
            "a window of 5 does not fit 4",
        ),
        (
            BinaryConv2d(WEIGHT, scale_bias=ScaleBias([1], [0])),
            [bits(IMAGE)],
            "ScaleBias expects 1 channels",
        ),
        (BinaryDense(np.ones((3, 4))), [bits(IMAGE)], "takes a vector"),
        (BinaryWeightDense(np.ones((1, 2**15 + 1))), [whole((2**15 + 1,))], "32-bit sums safe"),
        (FloatDense(np.ones((3, 4))), [whole(VECTOR)], "takes float32 elements"),
        (RULE, [floats((8,))], "takes uint8 or int8 or int32 elements"),
        (Add(), [floats(VECTOR), whole(VECTOR)], "two tensors of one type"),
        (Add(), [bits(VECTOR), bits(VECTOR)], "takes int32 or float32"),
        (Concat(), [bits(VECTOR)], "two or more tensors"),
        (Concat(), [bits(VECTOR), floats(VECTOR)], "differ in channels only"),
        (Split((2, 3)), [bits(VECTOR)], "does not fit"),
        (Reshape((5,)), [bits(VECTOR)], "does not fit"),
        (MaxPool2d(2, minimum=[True]), [bits(IMAGE)], "expects 1 channels"),
        (AveragePool2d(2), [bits(IMAGE)], "takes int32 or float32"),
        (Sign(), [floats(VECTOR), floats(VECTOR)], "takes 1 input, not 2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer, inputs, words):
    with pytest.raises(NetworkError, match=words):
        layer.infer(tuple(inputs))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BinaryConv2d(WEIGHT * 2), r"must be \+1 or -1"),
        (lambda: BinaryConv2d(WEIGHT[0]), "must have 4 axes"),
        (lambda: BinaryConv2d(WEIGHT[:0]), "at least one element"),
        (lambda: BinaryConv2d(WEIGHT, groups=3), "do not divide into 3 groups"),
        (lambda: BinaryConv2d(WEIGHT, pad_value=2), "pad_value must be 0, 1 or -1"),
        (lambda: BinaryConv2d(WEIGHT, pads=(1, 1)), "must be 4 integers"),
        (lambda: BinaryConv2d(WEIGHT, strides=0), "from 1 to"),
        (lambda: BinaryConv2d(WEIGHT, pads=2**40), "from 0 to"),
        (lambda: BinaryConv2d(WEIGHT, pool=MaxPool2d(2, 2)), "pool needs a threshold"),
        (lambda: BinaryConv2d(WEIGHT, threshold=RULE, pool=MaxPool2d(3, 2)), "at least its kernel"),
        (
            lambda: BinaryConv2d(WEIGHT, threshold=RULE, pool=MaxPool2d(2, 2, (0, 1, 0, 0))),
            "must have no pads",
        ),
        (
            lambda: BinaryConv2d(WEIGHT, threshold=RULE, scale_bias=ScaleBias([1] * 8, [0] * 8)),
            "cannot have a scale and bias too",
        ),
        (lambda: MaxPool2d(2, pads=2), "must be smaller than the kernel"),
        (lambda: FloatConv2d(WEIGHT, bias=[1.0]), "8 filters but 1 biases"),
        (lambda: Threshold([0, 1], [True]), "as many thresholds as flips"),
        (lambda: Threshold([np.nan], [True]), "must not contain NaN"),
        (lambda: BatchNorm([1], [1], [1], [-1]), "variance"),
        (lambda: BatchNorm([1], [1], [1], [1, 1]), "differ in shape"),
        (lambda: ScaleBias([np.inf], [1]), "finite"),
        (lambda: Clip(2, 1), "must not exceed"),
        (lambda: Quantize([0], [0]), "positive scale"),
        (lambda: MultiThreshold([[2, 1]]), "ascend"),
        (lambda: MultiThreshold([[1, 2]], np.inf), "finite"),
        (lambda: Transpose((0, 1, 1)), "must permute"),
    ],
)
def test_layers_that_cannot_be_are_refused(make, words):
    with pytest.raises(NetworkError, match=words):
        make()


def test_multiplications_are_counted():
    assert BinaryConv2d(WEIGHT).macs((bits(IMAGE),)) == 4 * 3 * 8 * 36
    assert BinaryConv2d(WEIGHT[..., :2], groups=2).macs((bits(IMAGE),)) == 4 * 3 * 8 * 18
    pooled = BinaryConv2d(WEIGHT, threshold=RULE, pool=MaxPool2d(2, 2))
    assert pooled.macs((bits(IMAGE),)) == 4 * 3 * 8 * 36
    assert BinaryDense(np.ones((3, 4))).macs((bits(VECTOR),)) == 12
    assert Sign().macs((floats(VECTOR),)) == 0


def test_weights_cannot_be_changed():
    weight = np.ones((3, 4), np.int8)
    layer = BinaryDense(weight)
    weight[:] = -1
    assert (layer.weight == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = -1
