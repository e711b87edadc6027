"""Convolutions and dense layers for larq-compute-engine, with what it can fuse into them.

Its bits are ours: 1 for -1, packed LSB first, in 32-bit words, channels innermost. LceBconv2d
counts the bits that differ, `p`, and gives a bit 1 where `p` is above an integer, or a float32 for
each sum, scaled and shifted. Zero padding gives float32 only; padding by +1 gives bits as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from flatbuffers import flexbuffers

from bnnplan.models import layers
from bnnplan.models.errors import UnsupportedError
from peers.larq_file import ABSENT, File

SAME, VALID = 0, 1
NO_ACTIVATION = 0
WORD = 32


@frozen
class After:
    """What becomes of each sum: ``sum * scale + shift``; a bit of that, if wanted."""

    scale: np.ndarray
    shift: np.ndarray
    to_bits: bool


def deciding(rule: layers.Threshold) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift after which a number is below 0 where the rule gives -1."""
    direction = np.where(rule.flip, -1.0, 1.0)
    # Half a step between integers, so that equality is never asked.
    half = 0.5 if rule.threshold.dtype == np.int32 else 0.0
    return direction, half - direction * rule.threshold.astype(np.float64)


def padding(layer: Any, shape: tuple[int, ...]) -> int | None:
    """Which of TensorFlow's two paddings a layer has on (N, H, W, C); None for another."""
    if not any(layer.pads):
        return VALID
    same = []
    for axis, extent in enumerate(shape[1:3]):
        dilation = getattr(layer, "dilations", (1, 1))[axis]
        reach = dilation * (layer.kernel[axis] - 1) + 1
        stride = layer.strides[axis]
        around = max((-(-extent // stride) - 1) * stride + reach - extent, 0)
        same.append((around // 2, around - around // 2))
    top, left, bottom, right = layer.pads
    return SAME if [(top, bottom), (left, right)] == same else None


def words(values: np.ndarray) -> np.ndarray:
    """±1 along the last axis as packed 32-bit words."""
    missing = -values.shape[-1] % WORD
    around = [(0, 0)] * (values.ndim - 1) + [(0, missing)]
    bits = np.packbits(np.pad(values, around) < 0, axis=-1, bitorder="little")
    return np.ascontiguousarray(bits).view("<i4")


def binary_conv(
    file: File,
    source: int,
    channels: int,
    layer: layers.BinaryConv2d,
    shape: tuple[int, ...],
    after: After,
    rule: layers.Threshold | None,
) -> int:
    """LceBconv2d on packed bits; the new tensor, bits or float32 of a shape.

    Parameters
    ----------
    file : File
    source : int
        Packed bits.
    channels : int
        Of the source.
    layer : BinaryConv2d
    shape : tuple of int
        (N, H, W, C) of the result.
    after : After
    rule : Threshold or None
        On the sums, where bits are wanted and nothing else stands between.
    """
    if layer.groups != 1 or layer.pad_value == -1:
        raise UnsupportedError("LceBconv2d has no groups, and no padding by -1")
    kind = padding(layer, (shape[0], *file.shape(source)[1:]))
    if kind is None:
        raise UnsupportedError(f"TensorFlow cannot pad bits by {layer.pads}")
    options = flexbuffers.Dumps(
        {
            "channels_in": channels,
            "dilation_height_factor": layer.dilations[0],
            "dilation_width_factor": layer.dilations[1],
            "fused_activation_function": NO_ACTIVATION,
            "pad_values": layer.pad_value,
            "padding": kind,
            "stride_height": layer.strides[0],
            "stride_width": layer.strides[1],
        }
    )
    weight = layer.weight
    if rule is not None and (kind == VALID or layer.pad_value == 1):
        # The sum of K products is K - 2p; where it is below t, p is above (K - t) / 2.
        direction = np.where(rule.flip, -1, 1)
        taps = int(np.prod(weight.shape[1:]))
        above = (taps - direction * rule.threshold.astype(np.int64)) // 2
        limits = np.clip(above, -1, taps + 1).astype(np.int32)
        turned = file.constant(words(weight * direction[:, None, None, None]))
        made = file.tensor((*shape[:-1], -(-shape[-1] // WORD)), "INT32")
        inputs = [source, turned, ABSENT, ABSENT, file.constant(limits)]
        file.own(b"LceBconv2d", inputs, made, options)
        return made
    made = file.tensor(shape, "FLOAT32")
    scale, shift = (file.constant(v.astype(np.float32)) for v in (after.scale, after.shift))
    inputs = [source, file.constant(words(weight)), scale, shift, ABSENT]
    file.own(b"LceBconv2d", inputs, made, options)
    return quantized(file, made) if after.to_bits else made


def quantized(file: File, source: int) -> int:
    """Bits of numbers: 1 where they are below 0."""
    *outer, channels = file.shape(source)
    made = file.tensor((*outer, -(-channels // WORD)), "INT32")
    file.own(b"LceQuantize", [source], made)
    return made


def float_conv(file: File, source: int, layer: Any, shape: tuple[int, ...], after: After) -> int:
    """CONV_2D or DEPTHWISE_CONV_2D with scale and shift folded in; bits if wanted."""
    channels = file.shape(source)[-1]
    weight = layer.weight * after.scale[:, None, None, None]
    bias = after.shift
    if getattr(layer, "bias", None) is not None:
        bias = bias + layer.bias * after.scale
    kind = padding(layer, file.shape(source))
    if kind is None:
        source, kind = _padded(file, source, layer.pads), VALID
    if layer.groups == 1:
        name, options, fields = "CONV_2D", "Conv2DOptions", {}
    elif layer.groups == channels == len(weight):
        name, options, fields = (
            "DEPTHWISE_CONV_2D",
            "DepthwiseConv2DOptions",
            {"depthMultiplier": 1},
        )
        weight = weight.transpose(3, 1, 2, 0)
    else:
        raise UnsupportedError("TensorFlow Lite has no groups of more than one channel")
    made = file.tensor(shape, "FLOAT32")
    constants = [file.constant(array.astype(np.float32)) for array in (weight, bias)]
    file.builtin(
        name,
        [source, *constants],
        made,
        options,
        padding=kind,
        strideH=layer.strides[0],
        strideW=layer.strides[1],
        dilationHFactor=layer.dilations[0],
        dilationWFactor=layer.dilations[1],
        **fields,
    )
    return quantized(file, made) if after.to_bits else made


def _padded(file: File, source: int, pads: tuple[int, int, int, int]) -> int:
    top, left, bottom, right = pads
    around = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
    batch, height, width, channels = file.shape(source)
    shape = (batch, height + top + bottom, width + left + right, channels)
    made = file.tensor(shape, "FLOAT32")
    file.builtin("PAD", [source, file.constant(around)], made, "PadOptions")
    return made
