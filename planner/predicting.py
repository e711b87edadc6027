"""Predicts the costs of a network on a board from the board's model, without running anything."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

import attrs
from attrs import frozen

from bnnplan.backends.interface import Backend, Configuration, Device
from bnnplan.backends.registry import devices_of, load_backends
from bnnplan.models.graph import BoundLayer, Network
from bnnplan.planner.board import Board
from bnnplan.planner.board_model import BoardModel, BoardModelError, FamilyModel
from bnnplan.planner.descriptors import (
    Distances,
    descriptors,
    family_of,
    reuse_distances,
    weight_terms,
    workspace_terms,
)
from bnnplan.planner.profile import (
    Conditions,
    LayerCosts,
    Origin,
    PlacementCost,
    Profile,
    Rejection,
    Time,
    shape_fingerprint,
)
from bnnplan.planner.statistics import within
from bnnplan.planner.version import bnnplan_version

ROUGH = 0.2
"""Where half an interval is a larger share of the time, a prediction does not count as stable."""
NO_FAMILY = "the board model says nothing there of layers of family "
"""Begins the reason why a layer is not offered; its family ends it."""


def predict_profile(network: Network, model: BoardModel, batch: int = 1) -> Profile:
    """The costs of a network on the board of a model.

    Every layer is offered on every device whose model covers its family, in the configurations
    that the device would offer (:meth:`~bnnplan.backends.interface.Backend.foresee`) in kernel
    variants that the model knows.

    Parameters
    ----------
    network : Network
    model : BoardModel
    batch : int
        Images computed at once.

    Raises
    ------
    BoardModelError
        If some layer has no placement at all; the message lists the reasons.
    """
    found = expected_costs(network, model.board, model, batch)
    for name, costs in found.layers.items():
        require_any(name, costs, model.board.name)
    return found


def expected_costs(network: Network, board: Board, model: BoardModel, batch: int = 1) -> Profile:
    """The predicted costs of a network on those devices of a board that a model knows, if any.

    Raises
    ------
    BoardModelError
        If it knows none of them as they are.
    """
    common = [d for d in board.devices if d in model.board.devices]
    if not common:
        raise BoardModelError(
            f"the board model is of board {model.board.name!r} "
            f"({device_names(model.board.devices)}), and knows no device of this board "
            f"({device_names(board.devices)}); characterize this one"
        )
    names = {device.name for device in common}
    mine = attrs.evolve(
        model,
        board=attrs.evolve(board, devices=common),
        families=[family for family in model.families if family.device in names],
        launches=[cost for cost in model.launches if cost.device in names],
    )
    layers = Foresight(mine).of_network(network, batch)
    return Profile(
        network=network.name,
        network_fingerprint=shape_fingerprint(network),
        board=attrs.evolve(board, devices=common),
        batch=batch,
        layers=layers,
        transfers=model.transfers,
        launches=mine.launches,
        conditions=_conditions(model),
    )


def require_here(board: Board) -> None:
    """Raise BoardModelError unless every device of a board is one of this machine."""
    known = _known(board.devices)
    for device in board.devices:
        found = known.get(device.name)
        if found is None or not found.is_here:
            raise BoardModelError(
                f"device {device.name} of board {board.name!r} is not of this machine, so plans "
                "for that board cannot be run here: leave out --run"
            )


def model_text(model: BoardModel) -> str:
    """Where the costs of a model come from, in words."""
    what = f"the board model of {model.board.name}"
    if model.origin is Origin.MODELLED:
        sources = f" ({len(model.sources)} sources)" if model.sources else ""
        return f"{what}, made from published figures{sources}, not from measurements"
    when = f" measured {model.conditions.date}" if model.conditions else ""
    return f"{what}{when}"


@frozen
class _Known:
    """A backend, and whether the machine of the device is this one."""

    backend: Backend
    is_here: bool


class Foresight:
    """What a model says of layers."""

    def __init__(self, model: BoardModel) -> None:
        self.model = model
        self.families: dict[tuple[str, str], dict[str, FamilyModel]] = {}
        for family in model.families:
            key = family.family, family.device
            self.families.setdefault(key, {})[family.variant] = family
        self.known = _known(model.board.devices)
        self.found: dict[tuple[str, Distances], LayerCosts] = {}

    def of_network(self, network: Network, batch: int) -> dict[str, LayerCosts]:
        """All placements of each layer of a network, by its name."""
        distances = reuse_distances(network, batch)
        return {
            node.name: self._offered(network.bind(node, batch), distances[node.name])
            for node in network.nodes
        }

    def _offered(self, bound: BoundLayer, distances: Distances) -> LayerCosts:
        """All placements of a layer; those of layers alike are found once."""
        key = bound.signature, distances
        if key not in self.found:
            placements: list[PlacementCost] = []
            rejections: list[Rejection] = []
            for device in self.model.board.devices:
                self._add(bound, distances, device, placements, rejections)
            self.found[key] = LayerCosts(placements, rejections)
        return self.found[key]

    def _add(
        self,
        bound: BoundLayer,
        distances: Distances,
        device: Device,
        placements: list[PlacementCost],
        rejections: list[Rejection],
    ) -> None:
        known = self.known.get(device.name)
        if known is None and device.threads > 1:
            missing = (
                f"backend {device.backend!r} is not installed or broken, which alone knows how "
                "layers are shared out over threads; see 'bnnplan backends'"
            )
            rejections.append(Rejection(device.name, "", missing))
            return
        # Elsewhere a backend cannot be asked: the model covers what it was made for.
        reason = known.backend.supports(bound, device) if known and known.is_here else None
        family = family_of(bound)
        variants = self.families.get((family, device.name), {})
        if reason is None and not variants:
            reason = f"{NO_FAMILY}{family}"
        if reason is not None:
            rejections.append(Rejection(device.name, "", reason))
            return
        if known is None:
            offered = [Configuration(variant=variant) for variant in variants]
        else:
            offered = known.backend.foresee(bound, device)
        for configuration in offered:
            covered = variants.get(configuration.variant)
            if covered is None:
                what = configuration.variant or "without a name"
                reason = f"the board model says nothing of kernel variant {what} for {family}"
                rejections.append(Rejection(device.name, configuration.label, reason))
                continue
            terms = descriptors(bound, device, configuration, distances)
            time = _time(covered, configuration.threads, terms)
            placements.append(_cost(bound, device, configuration, covered, time, self.model.origin))


def _known(devices: Iterable[Device]) -> Mapping[str, _Known]:
    usable = load_backends().usable
    present = {
        name: devices_of(usable[name])[0] for name in {d.backend for d in devices} & {*usable}
    }
    return {
        device.name: _Known(
            usable[device.backend],
            any(
                device.resources <= here.resources and device.properties == here.properties
                for here in present[device.backend]
            ),
        )
        for device in devices
        if device.backend in usable
    }


def _time(model: FamilyModel, threads: int, terms: Mapping[str, float]) -> Time:
    nanoseconds, error = model.times(threads)
    median = max(1, round(_sum(nanoseconds, terms)))
    time = Time(
        median,
        min(median, round(median * error.low)),
        max(median, round(median * error.high)),
        max(median, round(median * error.high)),
        runs=0,
    )
    return attrs.evolve(time, stable=within(time, ROUGH))


def _cost(
    bound: BoundLayer,
    device: Device,
    configuration: Configuration,
    model: FamilyModel,
    time: Time,
    origin: Origin,
) -> PlacementCost:
    return PlacementCost(
        device.name,
        configuration,
        time,
        round(_sum(model.weight_bytes, weight_terms(bound, device, configuration))),
        round(_sum(model.workspace_bytes, workspace_terms(bound, device, configuration))),
        tuple(type.format for type in bound.inputs),
        tuple(type.format for type in bound.outputs),
        origin=origin,
    )


def _sum(coefficients: Mapping[str, float], terms: Mapping[str, float]) -> float:
    return sum(coefficients.get(name, 0.0) * value for name, value in terms.items())


def require_any(layer: str, costs: LayerCosts, board: str) -> None:
    """Raise BoardModelError, with the reasons, where a layer has no placement at all."""
    if not costs.placements:
        reasons = "; ".join(f"{r.device}: {r.reason}" for r in costs.rejections)
        raise BoardModelError(
            f"nothing predicts layer {layer!r} on any device of board {board!r}: {reasons}; "
            "'bnnplan characterize' there with a larger --budget covers all that its devices run, "
            "or 'bnnplan profile' measures this network"
        )


def _conditions(model: BoardModel) -> Conditions:
    how = model.conditions or Conditions(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        bnnplan=bnnplan_version(),
        governor="unknown",
        load=0.0,
        seconds=0.0,
        tolerance=ROUGH,
        complete=True,
    )
    return attrs.evolve(how, complete=True, exhausted=False, model=model_text(model))


def device_names(devices: Iterable[Device]) -> str:
    """The names of devices, as messages list them."""
    return ", ".join(device.name for device in devices)
