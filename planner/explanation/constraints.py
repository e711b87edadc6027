"""Which constraints of a plan bind, and what a little more of everything would be worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs
from attrs import frozen

from bnnplan.models.errors import BnnplanError
from bnnplan.planner.explanation.situation import Situation
from bnnplan.planner.problem import Problem
from bnnplan.planner.request import Request
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.insight.relaxations import Relaxation, liberties, margins
from bnnplan.planner.solvers.insight.worth import Worth, worth
from bnnplan.planner.solving import encodings_of


@frozen
class Bound:
    """The best that is known with the costs of the profile.

    Parameters
    ----------
    value : int
        Of the best plan that was found; below the plan's own where that is not the best.
    bound : int or None
        No plan is below.
    """

    value: int
    bound: int | None


@frozen
class Worths:
    """What the constraints of a plan cost.

    Parameters
    ----------
    best : Bound
    binding : tuple of Worth
        What leaving a constraint out gains, where that is anything or not known; largest first.
    loose : int
        How many constraints gain certainly nothing by being left out.
    margins : tuple of Worth
        What a little more of everything gains, largest first.
    """

    best: Bound
    binding: tuple[Worth, ...]
    loose: int
    margins: tuple[Worth, ...]


def weigh(situation: Situation, *, time_limit: float, workers: int = 1, seed: int = 0) -> Worths:
    """Solve with each constraint left out, and with a little more of everything.

    Parameters
    ----------
    situation : Situation
    time_limit : float
        Seconds for all.
    workers, seed
        As for every solver.
    """
    free = _together(situation, liberties)
    free += _without_wishes(situation)
    more = _together(situation, margins)
    end = time.monotonic() + time_limit
    value, bound = situation.present.objective, 0

    def solved(relaxations: Sequence[Relaxation], share: int) -> Worth:
        return worth(
            relaxations,
            _presents(situation, relaxations),
            value,
            bound,
            time_limit=max(end - time.monotonic(), time_limit / 100) / share,
            workers=workers,
            seed=seed,
        )

    same = [Relaxation("", "", "", s.encoding.problem) for s in situation.settings]
    count = 1 + len(free) + len(more)
    base = solved(same, count)
    best = Bound(value - base.gain, value - base.high)
    # What a change gains is against the best plan with these costs, not against a worse one.
    value, bound = best.value, best.bound or 0
    frees = [solved(one, count - n) for n, one in enumerate(free, 1)]
    mores = [solved(one, count - len(free) - n) for n, one in enumerate(more, 1)]
    binding = [one for one in frees if one.high]
    return Worths(
        best,
        tuple(sorted(binding, key=lambda one: -one.gain)),
        len(frees) - len(binding),
        tuple(sorted(mores, key=lambda one: -one.gain)),
    )


def _together(
    situation: Situation, relax: Callable[[Problem], Iterable[Relaxation]]
) -> list[list[Relaxation]]:
    """Each relaxation in all problems that have it."""
    found: dict[tuple[str, str, str], list[Relaxation]] = {}
    for setting in situation.settings:
        for one in relax(setting.encoding.problem):
            found.setdefault((one.what, one.name, one.change), []).append(one)
    return list(found.values())


def _without_wishes(situation: Situation) -> list[list[Relaxation]]:
    """The problems without each pin and each forbidden placement in turn."""
    found = []
    for what, name, request in _freer(situation.plan.request):
        try:
            encodings = encodings_of(situation.network, situation.profile, request)
        except BnnplanError:
            continue
        found.append([Relaxation(what, name, "left out", e.problem) for e in encodings])
    return found


def _freer(request: Request) -> Iterator[tuple[str, str, Request]]:
    for layer, device in request.pins.items():
        pins = {name: where for name, where in request.pins.items() if name != layer}
        yield "pin", f"{layer}={device}", attrs.evolve(request, pins=pins)
    for pair in request.forbidden:
        rest = tuple(other for other in request.forbidden if other != pair)
        yield "forbidden", "=".join(pair), attrs.evolve(request, forbidden=rest)


def _presents(situation: Situation, relaxations: Sequence[Relaxation]) -> list[Solution | None]:
    """The plan in each of the relaxed problems, if these have the same options."""
    known = {
        tuple(tuple(option.name for option in task.options) for task in s.graph.tasks): s.present
        for s in situation.settings
    }
    return [
        known.get(
            tuple(tuple(option.name for option in task.options) for task in one.problem.tasks)
        )
        for one in relaxations
    ]
