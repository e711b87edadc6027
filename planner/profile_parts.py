"""What a profile is made of: times, costs of placements, transfers and launches, conditions."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.planner.board import MOST_THREADS

MOST = 10**15
"""Nanoseconds (eleven days) and bytes above this are no measurement."""


class ProfileError(BnnplanError):
    """A profile that cannot be, or that does not belong to the network or board at hand."""


def check_figures(what: str, *figures: float) -> None:
    """Raise ProfileError for a negative figure, or one above any that can be measured."""
    if any(not 0 <= figure <= MOST for figure in figures):
        raise ProfileError(f"{what} must be from 0 to {MOST}, not {min(figures)} to {max(figures)}")


def check_configuration(configuration: Configuration) -> None:
    """Raise ProfileError for a configuration that no kernel can have."""
    axes = configuration.axes
    if axes != "".join(axis for axis in "XYZ" if axis in axes):
        raise ProfileError(f"axes must be some of X, Y and Z in this order, not {axes!r}")
    if not 1 <= configuration.threads <= MOST_THREADS:
        raise ProfileError(f"threads must be from 1 to {MOST_THREADS}, not {configuration.threads}")
    if not all(0 <= size <= MOST for size in configuration.tile):
        raise ProfileError(f"tile sizes must be from 0 to {MOST}, not {configuration.tile}")


@frozen
class Time:
    """A measured duration, in nanoseconds.

    Parameters
    ----------
    median : int
    low, high : int
        Bounds of the median's 95 % confidence interval (order statistics).
    p90 : int
        90th percentile of the runs.
    runs : int
        How many runs were timed.
    stable : bool
        Whether the interval came within the tolerance asked for.
    """

    median: int
    low: int
    high: int
    p90: int
    runs: int
    stable: bool = True

    def __attrs_post_init__(self) -> None:
        check_figures("a time in nanoseconds", self.median, self.low, self.high, self.p90)
        check_figures("the number of runs", self.runs)


class Origin(StrEnum):
    """How a cost is known."""

    MEASURED = "measured"
    PREDICTED = "predicted"
    """By a model that was fitted to measurements of the board."""
    MODELLED = "modelled"
    """From published figures of a board that was never measured."""


@frozen
class PlacementCost:
    """What a layer costs on one device in one configuration.

    Parameters
    ----------
    device : str
    configuration : Configuration
    time : Time
        From the end of the layer before to the end of this one, inside a running program.
    weight_bytes, workspace_bytes : int
        In the device's memory space.
    input_formats, output_formats : tuple of str
    loaded : Time or None
        The same while all devices that could work at the same time do; None where that was not
        measured.
    origin : Origin
        Of the time. What is not measured has no runs, and an interval in which its model's own
        errors lay in 95 of 100 cases.
    """

    device: str
    configuration: Configuration
    time: Time
    weight_bytes: int
    workspace_bytes: int
    input_formats: tuple[str, ...] = field(converter=as_tuple)
    output_formats: tuple[str, ...] = field(converter=as_tuple)
    loaded: Time | None = None
    origin: Origin = Origin.MEASURED

    def __attrs_post_init__(self) -> None:
        check_figures("memory in bytes", self.weight_bytes, self.workspace_bytes)
        check_configuration(self.configuration)


@frozen
class Rejection:
    """Why a layer is not offered on a device, or in a configuration (its label) of it."""

    device: str
    configuration: str
    reason: str


@frozen
class LayerCosts:
    """All placements of one layer.

    Parameters
    ----------
    placements : tuple of PlacementCost
    rejections : tuple of Rejection
    """

    placements: tuple[PlacementCost, ...] = field(converter=as_tuple)
    rejections: tuple[Rejection, ...] = field(default=(), converter=as_tuple)


def _as_pairs(items: Iterable[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(pair) for pair in items)


@frozen
class TransferCost:
    """Moving tensors between two places: ``overhead_ns + bytes * ns_per_byte``.

    Parameters
    ----------
    source, target : str
        ``user`` (arrays that a caller hands over or gets) or a memory space.
    overhead_ns, ns_per_byte : float
    residual : float
        Largest relative error of the fit over the measured sizes.
    samples : tuple of (bytes, ns)
        The medians that it was fitted to.
    """

    source: str
    target: str
    overhead_ns: float
    ns_per_byte: float
    residual: float
    samples: tuple[tuple[int, int], ...] = field(converter=_as_pairs)

    def __attrs_post_init__(self) -> None:
        if not all(0 <= figure <= MOST for figure in (self.overhead_ns, self.ns_per_byte)):
            raise ProfileError(
                f"transfer {self.source} → {self.target}: overhead and nanoseconds a byte must be "
                f"from 0 to {MOST}, not {self.overhead_ns} and {self.ns_per_byte}"
            )

    def duration(self, nbytes: int) -> int:
        """Predicted whole nanoseconds for a tensor of so many bytes."""
        return round(self.overhead_ns + nbytes * self.ns_per_byte)


@frozen
class LaunchCost:
    """Starting and finishing one program whose layers use up to so many threads.

    A team of threads has to be woken, so this grows with them; on other devices it is one figure
    with 1 thread. Right after another device has run it may cost more: caches are cold, teams
    asleep, the other's threads not yet. Where that was seen in a running plan, `source` names
    what ran before (``user``: nothing); empty, it holds for whatever did.
    """

    device: str
    threads: int
    ns: int
    source: str = ""

    def __attrs_post_init__(self) -> None:
        check_figures("a launch in nanoseconds", self.ns)
        if self.threads < 1:
            raise ProfileError(f"threads of a launch must be at least 1, not {self.threads}")


@frozen
class Eliminated:
    """What was left out of measuring, because it could no longer win.

    Parameters
    ----------
    offered, measured : int
        Placements of all layers, and those that were timed to the end.
    unchecked : int
        Placements that were not even run: their costs are predicted.
    saved : float
        Seconds that timing and checking the others would have taken, about.
    risk : float
        The probability that one of the others would have been better, at most: for errors that
        are normal, and as large as the intervals say.
    regret : float
        The nanoseconds that are expected to be lost by that in all, at most; of no layer more than
        what it takes, times the probability that any of its placements was better.
    """

    offered: int
    measured: int
    unchecked: int
    saved: float
    risk: float
    regret: float

    def __attrs_post_init__(self) -> None:
        check_figures("what elimination left out", self.offered, self.measured, self.unchecked)
        check_figures("what elimination saved and risks", self.saved, self.risk, self.regret)


@frozen
class Conditions:
    """When and how a profile was measured.

    Parameters
    ----------
    date : str
        ISO 8601, UTC.
    bnnplan : str
        Version.
    governor : str
        CPU frequency governor, or why it is unknown.
    load : float
        One-minute load average at the start.
    seconds : float
        How long measuring took, earlier interrupted runs included.
    tolerance : float
        Half width of the confidence interval that was aimed for, relative.
    complete : bool
        False if measuring was interrupted.
    exhausted : bool
        Whether the budget ran out before all were stable; a larger one goes on from there.
    elimination : Eliminated or None
        None where everything was measured.
    model : str
        What predicted the costs that were not measured, in words; empty where there are none.
    """

    date: str
    bnnplan: str
    governor: str
    load: float
    seconds: float
    tolerance: float
    complete: bool
    exhausted: bool = False
    elimination: Eliminated | None = None
    model: str = ""
