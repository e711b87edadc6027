"""What the board said about a plan beyond its own times: agreement, and candidates beside it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.planner.plan_errors import PlanError
from bnnplan.planner.plan_parts import Ratio
from bnnplan.planner.profile import Time, check_configuration, check_figures


@frozen
class Agreement:
    """How correcting the costs of a plan by what it measured has ended.

    Parameters
    ----------
    rounds : int
        Of solving, running, and correcting costs.
    error : float
        By what share predicted and measured latency (of pipelines: period) of the plan that is
        delivered differ, as it was measured last.
    tolerance : float
        The share that was asked for.
    agreed : bool
        Whether that was reached; if not, the budget has ended, Ctrl-C was pressed, or what `note`
        says has happened.
    interrupted : bool
        Whether Ctrl-C ended it.
    note : str
        What ended it before the budget did; empty if nothing else than Ctrl-C.
    """

    rounds: int
    error: float
    tolerance: float
    agreed: bool
    interrupted: bool = False
    note: str = ""

    def __attrs_post_init__(self) -> None:
        check_figures("rounds of correcting costs", self.rounds)
        check_figures("the difference of predicted and measured", self.error, self.tolerance)


@frozen
class MeasuredCandidate:
    """One of the plans that were measured to find the best.

    Parameters
    ----------
    name : str
    predicted_ns : int
        Latency of one batch.
    measured : Time
    ratio : Ratio
        Its time by that of the plan that was delivered, over paired runs.
    placements : mapping of str to (str, Configuration)
        Device and configuration by layer.
    proven : bool
        Whether no other plan that differs from those before is predicted to be faster.
    """

    name: str
    predicted_ns: int
    measured: Time
    ratio: Ratio
    placements: Mapping[str, tuple[str, Configuration]] = field(converter=as_dict)
    proven: bool = False

    def __attrs_post_init__(self) -> None:
        check_figures(f"candidate {self.name!r}: predicted nanoseconds", self.predicted_ns)
        for _, configuration in self.placements.values():
            check_configuration(configuration)


@frozen
class Candidates:
    """The plans that were measured to find the best, in the order of their predicted latency.

    Parameters
    ----------
    rows : tuple of MeasuredCandidate
    rank_correlation : float or None
        Spearman's, of predicted and measured latency; 1 if they order the candidates alike. None
        where all are equal in one of them.
    """

    rows: tuple[MeasuredCandidate, ...] = field(converter=as_tuple)
    rank_correlation: float | None = None

    def __attrs_post_init__(self) -> None:
        if self.rank_correlation is not None and not -1 <= self.rank_correlation <= 1:
            raise PlanError(f"a correlation must be from -1 to 1, not {self.rank_correlation}")
