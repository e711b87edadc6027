"""What a user wants of a plan: objectives, limits, and what may run where."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.planner.problem import Limit, Measure


@frozen
class Request:
    """A request is kept in the plan, so that the same problem can be made again.

    Parameters
    ----------
    objectives : tuple of Measure
        What to minimise, the first first; `Measure.PERIOD` is what throughput means.
    limits : tuple of Limit
        In nanoseconds, nanojoules and bytes: of one batch.
    memory : mapping of str to int
        Capacity, bytes, of memory spaces that have less than the board states.
    pins : mapping of str to str
        The device that a layer must run on.
    forbidden : tuple of (str, str)
        Layer and device that do not go together.
    colocated : tuple of tuple of str
        Groups of layers that run on one device each.
    switches : int or None
        The most edges between layers that may change device.
    contiguous : bool
        Whether each device runs one part of the network, as a whole.
    confidence : float or None
        Plan with the upper bound of every cost's confidence interval at this level, such as 0.9;
        None plans with medians.
    """

    objectives: tuple[Measure, ...] = field(default=(Measure.LATENCY,), converter=as_tuple)
    limits: tuple[Limit, ...] = field(default=(), converter=as_tuple)
    memory: Mapping[str, int] = field(factory=dict, converter=as_dict)
    pins: Mapping[str, str] = field(factory=dict, converter=as_dict)
    forbidden: tuple[tuple[str, str], ...] = field(default=(), converter=as_tuple)
    colocated: tuple[tuple[str, ...], ...] = field(default=(), converter=as_tuple)
    switches: int | None = None
    contiguous: bool = False
    confidence: float | None = None
