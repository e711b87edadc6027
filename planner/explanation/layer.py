"""What every alternative of one layer would cost, end to end."""

from __future__ import annotations

from attrs import frozen

from bnnplan.backends.interface import Configuration
from bnnplan.planner.explanation.change import Change, anew, change_of
from bnnplan.planner.explanation.situation import Situation, option_name
from bnnplan.planner.profile import Origin, PlacementCost, Rejection
from bnnplan.planner.solvers.insight.alternatives import Outcome, best_outcome, kept


@frozen
class Alternative:
    """A placement of a layer, and what the plan would be with it.

    Parameters
    ----------
    device : str
    configuration : Configuration
    time_ns : int
        What the layer takes there, as planned with.
    origin : Origin
        How that is known.
    chosen : bool
        Whether it is the plan's own.
    kept : Change
        With everything else as it is.
    anew : Change
        With everything else chosen anew.
    """

    device: str
    configuration: Configuration
    time_ns: int
    origin: Origin
    chosen: bool
    kept: Change
    anew: Change


@frozen
class LayerExplanation:
    """All alternatives of one layer.

    Parameters
    ----------
    layer, kind : str
    alternatives : tuple of Alternative
        The plan's own first, then the best first.
    excluded : tuple of (str, Configuration)
        Placements that the profile has, but the request does not allow.
    rejections : tuple of Rejection
        Placements that were not offered, and why.
    """

    layer: str
    kind: str
    alternatives: tuple[Alternative, ...]
    excluded: tuple[tuple[str, Configuration], ...]
    rejections: tuple[Rejection, ...]


def explain_layer(
    situation: Situation, layer: str, *, time_limit: float, workers: int = 1, seed: int = 0
) -> LayerExplanation:
    """Tell what every placement of a layer would cost.

    Parameters
    ----------
    situation : Situation
    layer : str
        Name of a layer of the network.
    time_limit : float
        Seconds for all alternatives.
    workers, seed
        As for every solver.
    """
    costs = situation.profile.layers[layer]
    offered = [c for c in costs.placements if _is_offered(situation, layer, c)]
    limit = time_limit / max(len(offered), 1)
    # The last problem has no limit on threads that leaves options out.
    task = situation.settings[-1].graph.tasks[situation.task(layer)]
    options = {option.name: option for option in task.options}
    rows = []
    for cost in offered:
        name = option_name(cost)
        rows.append(
            Alternative(
                cost.device,
                cost.configuration,
                options[name].duration,
                cost.origin,
                situation.plan.assignment[layer] == (cost.device, cost.configuration),
                _kept(situation, layer, name),
                anew(
                    situation,
                    {layer: [name]},
                    time_limit=limit,
                    workers=workers,
                    seed=seed,
                    layer=layer,
                ),
            )
        )
    rows.sort(key=lambda row: (not row.chosen, row.anew.value is None, row.anew.value or 0))
    excluded = tuple((c.device, c.configuration) for c in costs.placements if c not in offered)
    kind = next(row.kind for row in situation.plan.layers if row.name == layer)
    return LayerExplanation(layer, kind, tuple(rows), excluded, costs.rejections)


def _is_offered(situation: Situation, layer: str, cost: PlacementCost) -> bool:
    return cost in situation.settings[-1].encoding.placements[layer]


def _kept(situation: Situation, layer: str, name: str) -> Change:
    """The change with everything else as it is, under the limit on threads where it is best."""
    task = situation.task(layer)
    tried: list[tuple[Outcome, int]] = []
    for number, setting in enumerate(situation.settings):
        names = [option.name for option in setting.graph.tasks[task].options]
        if setting.present is not None and name in names:
            change = {task: names.index(name)}
            tried.append((kept(setting.graph, setting.present, change), number))
    best = best_outcome([outcome for outcome, _ in tried])
    outcome, number = tried[best]
    return change_of(situation, situation.settings[number].graph, outcome, layer)
