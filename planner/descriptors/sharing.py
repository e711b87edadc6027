"""How the work of a layer is shared out over threads, as native code does it."""

from __future__ import annotations

from attrs import frozen

from bnnplan.backends.interface import Configuration

TOLERANCE = 16
"""The busiest thread may have a part of its work more, where that keeps rows of pixels together."""


@frozen
class Share:
    """What the busiest thread has: images, windows or rows of them, and blocks of neurons."""

    images: int
    windows: int
    neurons: int

    @property
    def work(self) -> int:
        """Pieces of work."""
        return self.images * self.windows * self.neurons


def ceil_div(count: int, size: int) -> int:
    """Pieces of a size that hold so many."""
    return -(-count // size)


def round_up(count: int, size: int) -> int:
    """The next multiple of a size."""
    return ceil_div(count, size) * size


def share_of(configuration: Configuration, images: int, windows: int, neurons: int) -> Share:
    """The share of the busiest thread, when threads are spread over the configuration's axes.

    Images come first, then windows: neighbours in memory stay together where the busiest thread
    has hardly more to do.

    Parameters
    ----------
    configuration : Configuration
    images, windows, neurons : int
        What there is along each axis.
    """
    threads = configuration.threads
    most = [threads if axis in configuration.axes else 1 for axis in "XYZ"]
    splits = [
        (x, y, z)
        for x in range(most[0], 0, -1)
        for y in range(min(most[1], threads // x), 0, -1)
        for z in range(min(most[2], threads // (x * y)), 0, -1)
    ]
    shares = [
        Share(ceil_div(images, x), ceil_div(windows, y), ceil_div(neurons, z)) for x, y, z in splits
    ]
    least = min(share.work for share in shares)
    return next(share for share in shares if share.work <= least + least // TOLERANCE)
