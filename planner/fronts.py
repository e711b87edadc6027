"""The Pareto front of a network on a board, over all limits on threads."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs
from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.infeasible import nearest
from bnnplan.planner.plan import InfeasibleError, NoPlanError, Predicted
from bnnplan.planner.plan_building import predict
from bnnplan.planner.plan_errors import StoppedError
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import PlacementCost, Profile
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.pareto import Front, Point, front
from bnnplan.planner.solving import SolveOptions, encodings_of


@frozen
class FrontPoint:
    """A plan of the front.

    Parameters
    ----------
    predicted : Predicted
    optimal : bool
        Whether it is proven that no plan is better in one measure and as good in the other.
    placements : dict of str to PlacementCost
        By name of layer.
    """

    predicted: Predicted
    optimal: bool
    placements: dict[str, PlacementCost]


@frozen
class PlanFront:
    """What is known of the front.

    Parameters
    ----------
    measures : tuple of Measure
        Two.
    points : tuple of FrontPoint
        From the least of the first measure to the least of the second.
    epsilon : float
        For every plan there is a point that is at least as good in the first measure, and at most
        this share worse in the second; 0 for the exact front.
    complete : bool
        Whether that is proven.
    interrupted : bool
        Whether Ctrl-C ended the search.
    """

    measures: tuple[Measure, Measure]
    points: tuple[FrontPoint, ...]
    epsilon: float
    complete: bool
    interrupted: bool


def find_front(
    network: Network,
    profile: Profile,
    measures: tuple[Measure, Measure],
    *,
    request: Request,
    options: SolveOptions,
    epsilon: float = 0.0,
    progress: Callable[[Point], None] | None = None,
) -> PlanFront:
    """Find the Pareto front of two measures.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network.
    measures : tuple of Measure
        Two different ones.
    request : Request
        All but its objectives holds for every point.
    options : SolveOptions
        The time limit is that of the whole front.
    epsilon : float
        From 0 to below 1.
    progress : callable, optional
        Gets each point when it is found; a later one may be better.

    Raises
    ------
    RequestError, InfeasibleError, NoPlanError
        As for :func:`bnnplan.planner.planning.find_plan`.
    """
    profile.require(network, profile.batch)
    wanted = attrs.evolve(request, objectives=measures)
    encodings = encodings_of(network, profile, wanted)
    end = time.monotonic() + options.time_limit
    parts: list[Front] = []
    for number, encoding in enumerate(encodings):
        left = max(end - time.monotonic(), options.time_limit / 1000)
        parts.append(
            front(
                encoding.problem,
                measures,
                options.method,
                time_limit=left / (len(encodings) - number),
                workers=options.workers,
                seed=options.seed,
                epsilon=epsilon,
                progress=progress,
            )
        )
    complete = all(part.complete for part in parts)
    interrupted = any(part.interrupted for part in parts)
    found = [
        FrontPoint(
            predict(encoding, profile.board, point.solution),
            point.optimal and all(_is_exact(other) for other in parts if other is not part),
            encoding.chosen(point.solution.choice),
        )
        for encoding, part in zip(encodings, parts, strict=True)
        for point in part.points
    ]
    if not found:
        if complete:
            why = "; ".join(parts[nearest(encodings, options)].reasons)
            raise InfeasibleError(f"no plan exists for {network.name!r}: {why}")
        if interrupted:
            raise StoppedError(f"interrupted before a plan was found for {network.name!r}")
        why = "; ".join(parts[-1].reasons)
        raise NoPlanError(
            f"no plan found for {network.name!r} within {options.time_limit:g} s: {why}; raise "
            "--time-limit"
        )
    return PlanFront(measures, _undominated(found, measures), epsilon, complete, interrupted)


def _is_exact(part: Front) -> bool:
    """Whether no plan of a problem is missing that could be better than one of another problem."""
    return part.complete and (part.epsilon == 0 or not part.points)


def _undominated(
    points: list[FrontPoint], measures: tuple[Measure, Measure]
) -> tuple[FrontPoint, ...]:
    """Keep what no other point is at least as good as, in the order of the first measure."""

    def values(point: FrontPoint) -> tuple[int, int]:
        first, second = (point.predicted.value(measure) for measure in measures)
        assert first is not None
        assert second is not None
        return first, second

    kept: list[FrontPoint] = []
    for point in sorted(points, key=values):
        if not kept or values(point)[1] < values(kept[-1])[1]:
            kept.append(point)
    return tuple(kept)
