"""What a network expects of plain pixels: ``(pixel - mean) * scale``, for all channels or each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from attrs import field, frozen

from bnnplan.models.errors import InputError
from bnnplan.models.layers import ScaleBias

EXAMPLES = "scale=255 or scale=1/127.5,mean=127.5 or mean=123.68:116.779:103.939"


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@frozen
class Normalization:
    """How pixels become the numbers that a network was trained on.

    Parameters
    ----------
    scale, mean : tuple of float
        One number for all channels, or one a channel: real = (pixel - mean) * scale.

    Raises
    ------
    InputError
        For numbers that are not finite, a scale of 0, or unequal numbers of channels.
    """

    scale: tuple[float, ...] = field(default=(1.0,), converter=_numbers)
    mean: tuple[float, ...] = field(default=(0.0,), converter=_numbers)

    def __attrs_post_init__(self) -> None:
        for name, values in (("scale", self.scale), ("mean", self.mean)):
            if not values or not all(map(math.isfinite, values)):
                raise InputError(f"normalization {name} must be finite numbers, not {values}")
        if 0 in self.scale:
            raise InputError("normalization scale must not be 0")
        if len({len(self.scale), len(self.mean)} - {1}) > 1:
            raise InputError(
                f"normalization has {len(self.scale)} scales but {len(self.mean)} means"
            )

    def __str__(self) -> str:
        scale, mean = (":".join(map(repr, values)) for values in (self.scale, self.mean))
        return f"scale={scale},mean={mean}"

    def scale_bias(self, channels: int) -> ScaleBias:
        """The normalization as a layer.

        Raises
        ------
        InputError
            If it is for another number of channels.
        """
        for values in (self.scale, self.mean):
            if len(values) not in (1, channels):
                raise InputError(
                    f"normalization is for {len(values)} channels, but the input has {channels}"
                )
        scale = np.broadcast_to(np.asarray(self.scale), channels)
        # Adding 0 keeps a bias of -0 out.
        return ScaleBias(scale, -np.asarray(self.mean) * scale + 0.0)


def parse_normalization(text: str) -> Normalization:
    """Read the form that the command line takes.

    Parameters
    ----------
    text : str
        ``scale=…`` and ``mean=…`` in any order, joined by a comma; either may be left out. Values
        are decimal numbers or fractions (``1/127.5``); one a channel, joined by colons.

    Raises
    ------
    InputError
        If the text has another form.
    """
    found: dict[str, tuple[float, ...]] = {}
    for part in text.split(","):
        name, equals, values = (piece.strip() for piece in part.partition("="))
        if not equals or name not in ("scale", "mean"):
            raise InputError(
                f"normalization {text!r}: {part!r} is no scale or mean; try {EXAMPLES}"
            )
        if name in found:
            raise InputError(f"normalization {text!r} gives {name} twice")
        found[name] = tuple(_number(value, text) for value in values.split(":"))
    return Normalization(**found)


def _number(value: str, text: str) -> float:
    numerator, slash, denominator = value.partition("/")
    try:
        number = Fraction(numerator.strip())
        return float(number / Fraction(denominator.strip()) if slash else number)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise InputError(
            f"normalization {text!r}: {value!r} is no number; try {EXAMPLES}"
        ) from None
