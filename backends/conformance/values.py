"""Contents for tensors and thresholds: ordinary ones, exact ties, and the far ends.

Hypothesis chooses shapes, settings and a seed; numpy fills arrays from the seed. Failing examples
so shrink to the smallest geometry quickly, and any example can be made again from its text.
"""

from __future__ import annotations

import enum

import numpy as np

from bnnplan.models.layers import Threshold
from bnnplan.models.tensors import ElementType, TensorType

INT32 = np.iinfo(np.int32)
FAR_FLOATS = np.array([0.0, -0.0, 1.0, -1.0, 1e-3, -1e-3, 1e4, -1e4], np.float32)
NOT_FINITE = np.array([np.nan, np.inf, -np.inf], np.float32)


class Spread(enum.StrEnum):
    """Which values a tensor is filled with."""

    PLAIN = "plain"
    TIES = "ties"
    FAR = "far"


def fill(
    rng: np.random.Generator,
    type: TensorType,
    batch: int,
    spread: Spread,
    limit: int | None = None,
) -> np.ndarray:
    """A logical array.

    Parameters
    ----------
    rng : Generator
    type : TensorType
    batch : int
    spread : Spread
        Ties are few small values: halves for floats. Far values are the ends of the range, for
        bits whole images of one sign.
    limit : int, optional
        Largest magnitude of int32 values; the range of the type without one.

    Returns
    -------
    ndarray, shape (batch, *type.shape)
    """
    shape = (batch, *type.shape)
    if type.element is ElementType.BIT:
        if spread is Spread.FAR:
            return np.ones(shape, np.int8) * signs(rng, (batch, *[1] * len(type.shape)))
        return signs(rng, shape)
    if type.element is ElementType.FLOAT32:
        return _floats(rng, shape, spread)
    low, high = _ends(type.element, limit)
    if spread is Spread.TIES:
        low, high = max(low, -3), min(high, 3)
    if spread is Spread.FAR:
        return rng.choice(np.array([low, 0, high]), shape).astype(type.element.dtype)
    return rng.integers(low, high, shape, dtype=type.element.dtype, endpoint=True)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random +1 and -1 as int8."""
    return rng.integers(0, 2, shape, dtype=np.int8) * np.int8(2) - np.int8(1)


def flags(rng: np.random.Generator, size: int) -> np.ndarray:
    """Random booleans."""
    return rng.integers(0, 2, size).astype(np.bool_)


def normals(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Random float32 values around 0."""
    return rng.standard_normal(shape, dtype=np.float32)


def with_ties(rng: np.random.Generator, values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The values with a third of them set to a level of their channel, where the type holds it."""
    if values.dtype != np.float32:
        limits = np.iinfo(values.dtype)
        levels = np.clip(
            np.where(np.isfinite(levels), levels, 0).astype(np.float64), *_pair(limits)
        )
    return np.where(rng.random(values.shape) < 1 / 3, levels, values).astype(values.dtype)


def threshold(
    rng: np.random.Generator, element: ElementType, channels: int, reach: int, spread: Spread
) -> Threshold:
    """Thresholds that values of magnitude up to `reach` tie with, and some at the far ends."""
    flip = flags(rng, channels)
    if element is ElementType.FLOAT32:
        halves = np.round(normals(rng, channels) * 4) / 2
        usual = halves if spread is Spread.TIES else normals(rng, channels) * np.sqrt(reach)
        far = np.array([-np.inf, np.inf, 0.0, -0.0])
    else:
        usual = rng.integers(-min(reach, 40), min(reach, 40), channels, endpoint=True)
        far = np.array([INT32.min, INT32.max, -reach, reach, reach + 1, 1 - reach])
        far = np.clip(far, INT32.min, INT32.max)
    is_far = rng.random(channels) < (0.5 if spread is Spread.FAR else 0.1)
    dtype = np.float32 if element is ElementType.FLOAT32 else np.int32
    return Threshold(np.where(is_far, rng.choice(far, channels), usual).astype(dtype), flip)


def _ends(element: ElementType, limit: int | None) -> tuple[int, int]:
    if element is ElementType.INT32 and limit is not None:
        return -limit, limit
    return _pair(np.iinfo(element.dtype))


def _pair(limits: np.iinfo) -> tuple[int, int]:
    return int(limits.min), int(limits.max)


def _floats(rng: np.random.Generator, shape: tuple[int, ...], spread: Spread) -> np.ndarray:
    if spread is Spread.FAR:
        return rng.choice(FAR_FLOATS, shape)
    if spread is Spread.TIES:
        return (np.round(normals(rng, shape) * 4) / 2).astype(np.float32)
    return normals(rng, shape) * rng.choice(np.array([0.01, 1.0, 100.0], np.float32))
