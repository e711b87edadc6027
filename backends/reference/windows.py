"""Sliding windows, tap by tap: which outputs a tap feeds, and from which inputs."""

from __future__ import annotations

from collections.abc import Iterator

Slices = tuple[slice, slice]


def taps(
    extent: tuple[int, ...],
    windows: tuple[int, ...],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int] = (1, 1),
) -> Iterator[tuple[int, int, Slices, Slices]]:
    """Every tap of a kernel, row by row, with the windows where it lies inside the input.

    Parameters
    ----------
    extent : (height, width)
        Of the input.
    windows : (height, width)
        Of the output.
    kernel, strides, dilations : (vertical, horizontal)
    pads : (top, left, bottom, right)

    Yields
    ------
    row, column : int
        Of the tap in the kernel.
    outputs, inputs : pair of slice
        Equally many rows and columns: window ``outputs[i]`` reads input ``inputs[i]``. Taps that
        never lie inside the input are left out.
    """
    for row in range(kernel[0]):
        vertical = _inside(extent[0], windows[0], strides[0], row * dilations[0] - pads[0])
        for column in range(kernel[1]):
            horizontal = _inside(extent[1], windows[1], strides[1], column * dilations[1] - pads[1])
            if vertical and horizontal:
                yield row, column, (vertical[0], horizontal[0]), (vertical[1], horizontal[1])


def _inside(extent: int, windows: int, stride: int, offset: int) -> tuple[slice, slice] | None:
    """Windows w with 0 <= w * stride + offset < extent, and the inputs at those places."""
    places = [w * stride + offset for w in range(windows)]
    inside = [w for w, place in enumerate(places) if 0 <= place < extent]
    if not inside:
        return None
    first, last = inside[0], inside[-1]
    return slice(first, last + 1), slice(places[first], places[last] + 1, stride)
