"""A plan explained as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from bnnplan.planner.explanation.constraints import Worths, weigh
from bnnplan.planner.explanation.places import Place, Switch, places, switches
from bnnplan.planner.explanation.situation import Situation
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin
from bnnplan.planner.solvers.insight.breakdown import breakdown, loads
from bnnplan.planner.solvers.insight.critical import Step, critical_path
from bnnplan.planner.solvers.insight.peaks import Peak, peaks

WORTH_SHARE, PLACE_SHARE = 0.4, 0.4
"""Of the time limit; what is left is for the switches."""


@frozen
class Overview:
    """Why a plan is as it is.

    Parameters
    ----------
    network : str
    objective : Measure
    value : int
        Of the plan, with the costs of the profile.
    stated : int
        What the plan itself states: another value if its costs were others.
    parts : mapping of str to int
        What the value is made of.
    worths : Worths
    memory : tuple of Peak
    path : tuple of Step
        What decides the latency of one batch; empty for pipelines.
    loads : mapping of str to int
        How long each resource is busy for one batch, ns, the busiest first.
    switches : tuple of Switch
    places : tuple of Place
    origin, offered : Origin
        How the costs of the plan's layers are known, and those of all placements offered.
    """

    network: str
    objective: Measure
    value: int
    stated: int
    parts: Mapping[str, int]
    worths: Worths
    memory: tuple[Peak, ...]
    path: tuple[Step, ...]
    loads: Mapping[str, int]
    switches: tuple[Switch, ...]
    places: tuple[Place, ...]
    origin: Origin = Origin.MEASURED
    offered: Origin = Origin.MEASURED


def explain_plan(
    situation: Situation, *, time_limit: float, workers: int = 1, seed: int = 0
) -> Overview:
    """Tell why a plan is as it is.

    Parameters
    ----------
    situation : Situation
    time_limit : float
        Seconds for all that is solved again.
    workers, seed
        As for every solver.
    """
    graph, present = situation.home.graph, situation.present
    problem = graph.problem
    rest = 1 - WORTH_SHARE - PLACE_SHARE
    busy = {name: sum(parts.values()) for name, parts in loads(graph, present).items()}
    return Overview(
        network=situation.network.name,
        objective=situation.measure,
        value=present.objective,
        stated=situation.stated,
        parts=breakdown(graph, present, situation.measure),
        worths=weigh(situation, time_limit=WORTH_SHARE * time_limit, workers=workers, seed=seed),
        memory=tuple(peaks(problem, present)),
        path=() if problem.is_pipeline else tuple(critical_path(problem, present)),
        loads=dict(sorted(busy.items(), key=lambda item: -item[1])),
        switches=tuple(
            switches(situation, time_limit=rest * time_limit, workers=workers, seed=seed)
        ),
        places=tuple(
            places(situation, time_limit=PLACE_SHARE * time_limit, workers=workers, seed=seed)
        ),
        origin=situation.origin,
        offered=situation.offered,
    )
