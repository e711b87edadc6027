"""Shapes of tensors and sliding windows, small ones first."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bnnplan.models.tensors import TensorType

CHANNELS = (1, 2, 3, 5, 8, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 200)
FILTERS = (1, 2, 3, 4, 7, 8, 9, 16, 17, 31, 33, 64, 65)
EXTENTS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 17)
EXTREMES = {
    1: ((1,), (4097,), (65_536,), (70_001,)),
    3: ((1, 1, 1), (2, 2, 2049), (1, 700, 3), (700, 1, 3), (40, 40, 33), (1, 1, 70_001)),
}
"""Shapes of one and three axes: smallest, wide, thin, large, longer than 16 bits can count."""
WEIGHTS = 2**20
"""Most elements of a weight, unless one filter has more."""
ELEMENTS = 6000
"""About the most elements that a drawn image has."""


def shape(draw: DrawFn, rank: int) -> tuple[int, ...]:
    """A tensor shape of one or three axes."""
    channels = draw(st.sampled_from(CHANNELS))
    if rank == 1:
        return (channels,)
    height = draw(st.sampled_from(EXTENTS))
    most = max(1, ELEMENTS // (height * channels))
    width = draw(st.sampled_from([extent for extent in EXTENTS if extent <= most]))
    return height, width, channels


def window(
    draw: DrawFn, source: TensorType, *, pads_below_kernel: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Kernel, strides, pads and dilations of a sliding window that fits the source."""
    kernel, strides, dilations = [], [], []
    before, after = [], []
    for extent in source.shape[:2]:
        first, last = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        padded = extent + first + last
        least = max(first, last) + 1 if pads_below_kernel else 1
        if least > padded:
            first = last = 0
            padded, least = extent, 1
        taps = draw(st.sampled_from([k for k in (1, 2, 3, 4, 5, 7) if least <= k <= padded]))
        widest = (padded - 1) // (taps - 1) if taps > 1 else 3
        kernel.append(taps)
        strides.append(draw(st.integers(1, 3)))
        dilations.append(1 if pads_below_kernel else draw(st.integers(1, min(3, widest))))
        before.append(first)
        after.append(last)
    return tuple(kernel), tuple(strides), (*before, *after), tuple(dilations)


def filters(draw: DrawFn, taps: int, most: int = FILTERS[-1]) -> int:
    """A number of filters of so many taps each."""
    limit = max(1, min(most, WEIGHTS // taps))
    return draw(st.sampled_from([count for count in FILTERS if count <= limit]))


def convolution(
    draw: DrawFn, source: TensorType
) -> tuple[tuple[int, int, int, int], dict[str, Any]]:
    """Shape of the weight, and the settings, of a convolution that fits the source."""
    kernel, strides, pads, dilations = window(draw, source)
    channels = source.channels
    divisors = [count for count in range(1, channels + 1) if channels % count == 0]
    groups = draw(st.sampled_from((1, 1, channels, draw(st.sampled_from(divisors)))))
    taps = kernel[0] * kernel[1] * channels // groups
    count = groups * filters(draw, taps, most=130 // groups)
    settings = {"strides": strides, "pads": pads, "dilations": dilations, "groups": groups}
    return (count, kernel[0], kernel[1], channels // groups), settings


def split_sizes(draw: DrawFn, channels: int) -> tuple[int, ...]:
    """Sizes of one to four parts of so many channels."""
    cuts = draw(st.sets(st.integers(1, channels - 1), max_size=3)) if channels > 1 else set()
    edges = [0, *sorted(cuts), channels]
    return tuple(b - a for a, b in pairwise(edges))
