"""Why every layer is where it is, and why a plan changes device where it does."""

from __future__ import annotations

import itertools
import time

from attrs import frozen

from bnnplan.planner.explanation.change import Change, anew
from bnnplan.planner.explanation.situation import Situation, option_name
from bnnplan.planner.plan import PlannedLayer
from bnnplan.planner.solvers.insight.breakdown import TASKS


@frozen
class Elsewhere:
    """What a plan would be with a layer on another device, everything else chosen anew."""

    device: str
    change: Change


@frozen
class Place:
    """Why a layer is where it is.

    Parameters
    ----------
    layer : PlannedLayer
    elsewhere : tuple of Elsewhere
        Every other device that it is offered on.
    unable : tuple of (str, str)
        Every other device, and why the layer is not offered there.
    """

    layer: PlannedLayer
    elsewhere: tuple[Elsewhere, ...]
    unable: tuple[tuple[str, str], ...]


@frozen
class Switch:
    """Layers in a row on one device, and what the plan would be if they had stayed on another.

    Parameters
    ----------
    layers : tuple of str
    device : str
    instead : str
        The device of the layers before.
    stay : Change
        With these layers on that device, and all others as they are.
    """

    layers: tuple[str, ...]
    device: str
    instead: str
    stay: Change

    @property
    def computing(self) -> int:
        """What the layers save by switching."""
        return self.stay.parts.get(TASKS, 0)

    @property
    def overhead(self) -> int:
        """What transfers, launches and waiting cost more by switching."""
        return self.computing - (self.stay.difference or 0)


def places(
    situation: Situation, *, time_limit: float, workers: int = 1, seed: int = 0
) -> list[Place]:
    """Tell for every layer what it would cost to have it elsewhere.

    Parameters
    ----------
    situation : Situation
    time_limit : float
        Seconds for all.
    workers, seed
        As for every solver.
    """
    end = time.monotonic() + time_limit
    devices = [device.name for device in situation.profile.board.devices]
    left = len(situation.plan.layers) * max(len(devices) - 1, 1)
    found = []
    for layer in situation.plan.layers:
        there, unable = [], []
        for device in devices:
            if device == layer.device:
                continue
            if names := _options(situation, layer.name, device):
                change = anew(
                    situation,
                    {layer.name: names},
                    time_limit=max(end - time.monotonic(), time_limit / 100) / max(left, 1),
                    workers=workers,
                    seed=seed,
                    layer=layer.name,
                )
                there.append(Elsewhere(device, change))
            else:
                unable.append((device, _why_not(situation, layer.name, device)))
            left -= 1
        found.append(Place(layer, tuple(there), tuple(unable)))
    return found


def switches(
    situation: Situation, *, time_limit: float, workers: int = 1, seed: int = 0
) -> list[Switch]:
    """Tell for every change of device what it gains and costs, in the order of the plan."""
    runs = [
        [layer.name for layer in group]
        for _, group in itertools.groupby(situation.plan.layers, key=lambda layer: layer.device)
    ]
    limit = time_limit / max(len(runs), 1)
    present = {
        layer.name: [f"{layer.device} {layer.configuration.label}"]
        for layer in situation.plan.layers
    }
    found = []
    for before, run in itertools.pairwise(runs):
        device, instead = (situation.plan.assignment[names[0]][0] for names in (run, before))
        ways = {**present, **{name: _options(situation, name, instead) for name in run}}
        if unable := [name for name in run if not ways[name]]:
            why = f"{instead} cannot run {unable[0]}: {_why_not(situation, unable[0], instead)}"
            stay = Change(None, None, reasons=(why,))
        else:
            stay = anew(situation, ways, time_limit=limit, workers=workers, seed=seed)
        found.append(Switch(tuple(run), device, instead, stay))
    return found


def _options(situation: Situation, layer: str, device: str) -> list[str]:
    costs = situation.settings[-1].encoding.placements[layer]
    return [option_name(cost) for cost in costs if cost.device == device]


def _why_not(situation: Situation, layer: str, device: str) -> str:
    costs = situation.profile.layers[layer]
    if any(cost.device == device for cost in costs.placements):
        return "the request does not allow it"
    return next((r.reason for r in costs.rejections if r.device == device), "it was not measured")
