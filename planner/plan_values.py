"""What a plan is worth by its objectives, what is proven of that, and what others are worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.planner.plan_errors import PlanError
from bnnplan.planner.plan_parts import Ratio
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import MOST_IMAGES, Origin, Time, check_configuration, check_figures
from bnnplan.planner.solvers.base import Proven, SolverResult, told


@frozen
class Predicted:
    """What is predicted of one batch, at the confidence that the plan was asked for.

    Parameters
    ----------
    latency_ns : int
        From the caller's arrays to the caller's arrays; in a pipeline the number of its stages
        times the period. Of several streams it is the largest, and so is the
        energy.
    alone_ns : int
        The latency where no other batch is under way: what running the plan measures. It is
        `latency_ns` in plans that are no pipelines.
    period_ns : int or None
        From batch to batch in a pipeline, of all its streams together.
    energy_nj : int or None
        Of the layers; None where a device that is used states no power.
    memory_bytes : int or None
        The sum over all memory spaces of the most that the solver counted in each; None in plans
        of before version 3 that do not state it.
    interval : (int, int) or None
        Where `alone_ns` lies in 95 of 100 cases, by the errors of what predicted its layers
        (:func:`bnnplan.planner.uncertainty.interval_of`); None where all costs are measured, or
        stated at a confidence.
    period_interval : (int, int) or None
        Where `period_ns` lies, likewise (:func:`bnnplan.planner.uncertainty.period_interval`).
    first_period_ns, first_latency_ns : int or None
        Of the fastest stream alone, where there are several.
    """

    latency_ns: int
    alone_ns: int
    period_ns: int | None = None
    energy_nj: int | None = None
    memory_bytes: int | None = None
    interval: tuple[int, int] | None = None
    first_period_ns: int | None = None
    first_latency_ns: int | None = None
    period_interval: tuple[int, int] | None = None

    def __attrs_post_init__(self) -> None:
        check_figures("a predicted latency", self.latency_ns, self.alone_ns)
        others = (self.period_ns or 0, self.energy_nj or 0, self.memory_bytes or 0)
        check_figures("a predicted period, energy or memory", *others)
        first = (self.first_period_ns or 0, self.first_latency_ns or 0)
        check_figures("period and latency of a stream", *first)
        check_figures("the interval of a predicted latency", *(self.interval or ()), 0)
        check_figures("the interval of a predicted period", *(self.period_interval or ()), 0)

    def value(self, measure: Measure) -> int | None:
        """The predicted value of a measure, in its unit; None where it is not known."""
        return {
            Measure.LATENCY: self.latency_ns,
            Measure.PERIOD: self.period_ns,
            Measure.ENERGY: self.energy_nj,
            Measure.MEMORY: self.memory_bytes,
        }[measure]


@frozen
class Proof:
    """How the plan was found, and what is proven about it.

    Parameters
    ----------
    status : str
        ``optimal`` if every objective is proven, else ``feasible``.
    objectives : tuple of Proven
        One for each objective, in their order: its value, and the bound below which no plan can
        be that is as good in the objectives before. Where the batch was a decision too, no plan
        of any batch can be below the bound an image.
    method : str
    seconds : float
        Spent by the solver on all of it.
    message : str
    """

    status: str
    objectives: tuple[Proven, ...] = field(converter=as_tuple)
    method: str
    seconds: float
    message: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.objectives:
            raise PlanError("a proof must be of at least one objective")
        for one in self.objectives:
            check_figures(f"value and bound of {one.measure}", one.value, one.bound or 0)
        check_figures("seconds of a proof", self.seconds)

    @classmethod
    def of(cls, result: SolverResult, proofs: Iterable[Proven]) -> Proof:
        """What a solver says of its result, with what is proven over all problems."""
        seconds = round(result.runtime_s, 6)
        return cls(str(result.status), proofs, result.method, seconds, told(result))

    @property
    def value(self) -> int:
        """Of the first objective."""
        return self.objectives[0].value

    @property
    def bound(self) -> int | None:
        """Of the first objective."""
        return self.objectives[0].bound

    @property
    def gap(self) -> float | None:
        """Share of the first objective that is not proven necessary; 0 if optimal."""
        return gap(self.objectives[0])


def gap(proven: Proven) -> float | None:
    """Share of an objective's value that is not proven necessary; None without a bound."""
    if proven.bound is None:
        return None
    return (proven.value - proven.bound) / max(proven.value, 1)


@frozen
class Baseline:
    """A plan to compare with, under the same request.

    Parameters
    ----------
    name : str
    predicted : Predicted or None
        None if it is not feasible; `note` says why.
    measured : Time or None
        Its latency; beside a pipeline its period.
    note : str
    ratio : Ratio or None
        Measured time by the plan's, over paired runs; above 1 where the plan is faster.
    placements : mapping of str to (str, Configuration)
        Device and configuration by layer; empty if not feasible.
    origin : Origin
        How its costs of layers are known: that of the one that is known least.
    """

    name: str
    predicted: Predicted | None
    measured: Time | None = None
    note: str = ""
    ratio: Ratio | None = None
    placements: Mapping[str, tuple[str, Configuration]] = field(factory=dict, converter=as_dict)
    origin: Origin = Origin.MEASURED

    def __attrs_post_init__(self) -> None:
        for _, configuration in self.placements.values():
            check_configuration(configuration)

    @property
    def predicted_ns(self) -> int | None:
        """Predicted latency of one batch that runs alone; None if it is not feasible."""
        return None if self.predicted is None else self.predicted.alone_ns

    def value(self, measure: Measure) -> int | None:
        """The predicted value of a measure; None if it is not feasible, or not known."""
        return None if self.predicted is None else self.predicted.value(measure)


@frozen
class BatchResult:
    """What was found for one of several batches that the plan could have had.

    Parameters
    ----------
    batch : int
    status : str
        ``optimal``, ``feasible``, ``infeasible`` or ``unknown``.
    objectives : tuple of Proven
        Of the whole batch; empty if nothing was found.
    note : str
        Why nothing was found.
    corrected : bool
        Whether it was planned with costs that were corrected by running it on the board; the
        others with those of their profiles.
    """

    batch: int
    status: str
    objectives: tuple[Proven, ...] = field(default=(), converter=as_tuple)
    note: str = ""
    corrected: bool = False

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.batch <= MOST_IMAGES:
            raise PlanError(f"a batch must be from 1 to {MOST_IMAGES}, not {self.batch}")
        for one in self.objectives:
            check_figures(f"value and bound of {one.measure}", one.value, one.bound or 0)
