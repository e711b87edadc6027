"""Sliding windows: sizes, strips of rows, pooling that is fused, borders."""

from __future__ import annotations

from attrs import frozen

from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, BinaryWeightConv2d, FloatConv2d
from bnnplan.planner.descriptors.sharing import ceil_div, round_up

Convolution = BinaryConv2d | BinaryWeightConv2d | FloatConv2d

STRIP_BYTES = 16384
LEAST_REACHES = 3


@frozen
class Windows:
    """The windows of a convolution, and of the pooling behind it.

    Parameters
    ----------
    height, width : int
        Of the product, before pooling.
    rows, columns : int
        Of the output.
    pool : (int, int)
        Height and width of a pooling window; 1, 1 without pooling.
    pool_stride : int
        Rows of the product from one pooling window to the next.
    reach : int
        Rows of the padded input that a window spans.
    stride : int
        Rows of the input from one window to the next.
    """

    height: int
    width: int
    rows: int
    columns: int
    pool: tuple[int, int]
    pool_stride: int
    reach: int
    stride: int

    @property
    def is_pooled(self) -> bool:
        """Whether pooling is fused; of windows of one output as well."""
        return self.pool != (1, 1) or self.pool_stride != 1

    def input_rows(self, rows: int) -> int:
        """Rows of the padded input that so many rows of the product span."""
        return (rows - 1) * self.stride + self.reach

    def product_rows(self, rows: int) -> int:
        """Rows of the product that so many rows of output span."""
        return (rows - 1) * self.pool_stride + self.pool[0]

    def pooled_terms(self, rows: int, words: int) -> dict[str, float]:
        """Terms of pooling rows of outputs, whose pixels have so many words of bits."""
        pooled = rows * self.columns * words
        return {
            "pooled words": float(pooled),
            "pooled taps": float(pooled * self.pool[0] * self.pool[1]),
        }

    def strip(self, rows: int, row_bytes: int) -> int:
        """Most rows of output that are computed at once, so that their input stays near.

        Parameters
        ----------
        rows : int
            Of a thread.
        row_bytes : int
            That are kept of each row of the padded input.
        """
        if row_bytes == 0:
            return rows
        kept = max(STRIP_BYTES // row_bytes, LEAST_REACHES * self.reach)
        most = (kept - self.reach) // (self.pool_stride * self.stride) + 1
        strips = ceil_div(rows, most)
        return rows if strips == 1 else round_up(ceil_div(rows, strips), 2)


def windows_of(bound: BoundLayer) -> Windows:
    """The windows of a convolution in its place."""
    layer = bound.layer
    assert isinstance(layer, Convolution)
    height, width = product_size(bound)
    pool = getattr(layer, "pool", None)
    rows, columns = bound.outputs[0].shape[:2]
    return Windows(
        height=height,
        width=width,
        rows=rows,
        columns=columns,
        pool=pool.kernel if pool else (1, 1),
        pool_stride=min(pool.strides[0], height) if pool else 1,
        reach=(layer.kernel[0] - 1) * layer.dilations[0] + 1,
        stride=layer.strides[0],
    )


def product_size(bound: BoundLayer) -> tuple[int, int]:
    """Height and width of a convolution's sums, before what is fused."""
    layer = bound.layer
    assert isinstance(layer, Convolution)
    sizes = []
    for axis in (0, 1):
        padded = bound.inputs[0].shape[axis] + layer.pads[axis] + layer.pads[axis + 2]
        reach = (layer.kernel[axis] - 1) * layer.dilations[axis] + 1
        sizes.append((padded - reach) // layer.strides[axis] + 1)
    return sizes[0], sizes[1]


def padded_width(bound: BoundLayer) -> int:
    """Columns of the padded input."""
    layer = bound.layer
    assert isinstance(layer, Convolution)
    return bound.inputs[0].shape[1] + layer.pads[1] + layer.pads[3]


def taps_inside(bound: BoundLayer, axis: int) -> list[int]:
    """How many taps of each window along an axis lie inside the input."""
    layer = bound.layer
    assert isinstance(layer, Convolution)
    extent, dilation = bound.inputs[0].shape[axis], layer.dilations[axis]
    found = []
    for output in range(product_size(bound)[axis]):
        start = output * layer.strides[axis] - layer.pads[axis]
        least = max(0, ceil_div(-start, dilation))
        most = min(layer.kernel[axis], ceil_div(extent - start, dilation))
        found.append(max(0, most - least))
    return found


def border_classes(bound: BoundLayer, axis: int) -> int:
    """Kinds of windows along an axis, by which of their taps lie inside the input."""
    layer = bound.layer
    assert isinstance(layer, Convolution)
    extent, dilation = bound.inputs[0].shape[axis], layer.dilations[axis]
    kinds = set()
    for output in range(product_size(bound)[axis]):
        start = output * layer.strides[axis] - layer.pads[axis]
        least = max(0, ceil_div(-start, dilation))
        most = min(layer.kernel[axis], ceil_div(extent - start, dilation))
        kinds.add((least, most) if most > least else (0, 0))
    return len(kinds)
