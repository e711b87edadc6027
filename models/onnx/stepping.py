"""Signs: from a pending scale and bias to bits."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from bnnplan.models.errors import NetworkError
from bnnplan.models.layers import Sign, Threshold
from bnnplan.models.onnx.building import Builder
from bnnplan.models.onnx.traced import Traced, identity
from bnnplan.models.tensors import ElementType

SIGN_ASSUMPTION = "Sign(0) taken as +1, where ONNX has 0"


def step(builder: Builder, source: Traced, zero: int, assumed: bool = False) -> Traced:
    """Bits: +1 above 0, -1 below, `zero` at 0.

    Parameters
    ----------
    builder : Builder
    source : Traced
    zero : {1, -1}
    assumed : bool
        Whether `zero` is our choice, to be reported as such.
    """
    padding = source.padding
    source = evolve(source, padding=None)
    bits = _resolved(builder, source) or _bits(builder, source, zero, assumed)
    if assumed and not source.is_bit:
        if isinstance(builder.layers[bits.name], Sign):
            builder.assumptions[bits.name] = SIGN_ASSUMPTION
        bits = evolve(bits, sign_of=source)
    if padding is not None:
        value = float(np.sign(padding.value)) or float(zero)
        bits = evolve(bits, padding=evolve(padding, value=value))
    return bits


def _resolved(builder: Builder, source: Traced) -> Traced | None:
    """The sign of an affine map of a sign, if the map says what the sign of 0 is to be.

    Converters write a sign without zero as Sign, Add 0.1, Sign.
    """
    if source.sign_of is None:
        return None
    scale, bias = source.affine.scale, source.affine.bias
    zero = np.unique(np.sign(bias))
    if zero.size != 1 or zero[0] == 0 or not (scale > np.abs(bias)).all():
        return None
    bits = step(builder, source.sign_of, int(zero[0]))
    return evolve(bits, extents=source.extents, axes=source.axes)


def _bits(builder: Builder, source: Traced, zero: int, assumed: bool) -> Traced:
    if source.is_bit:
        plus, minus = (np.sign(source.affine.bias + side * source.affine.scale) for side in (1, -1))
        plus, minus = (np.where(s == 0, zero, s) for s in (plus, minus))
        if (plus != minus).all():
            return evolve(source, affine=evolve(identity(plus.size), scale=plus))
        source = builder.floats(source)
    if source.type.element is ElementType.UINT8 and not source.affine.is_identity:
        return builder.apply(_pixel_threshold(source, zero), source)
    return builder.apply(Sign(zero), builder.plain(source), variant="assumed" if assumed else "")


def _pixel_threshold(source: Traced, zero: int) -> Threshold:
    """The threshold that the sign of an affine map of a pixel is, found by trying all pixels."""
    scale, bias = (a.astype(np.float32) for a in (source.affine.scale, source.affine.bias))
    count = np.zeros(scale.size, np.int32)
    for pixel in np.arange(256, dtype=np.float32):
        values = pixel * scale + bias
        if not np.isfinite(values).all():
            raise NetworkError("scale and bias of the pixels are not finite")
        count += values > 0 if zero < 0 else values >= 0
    falling = scale < 0
    return Threshold(np.where(falling, count - 1, 256 - count).astype(np.int32), falling)
