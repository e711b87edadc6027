"""The plan: where every layer runs, when, what that costs, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.files import converter, read_json, structure, write_json
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.profile import MOST_IMAGES, Time, shape_fingerprint

SCHEMA = "bnnplan.plan"
VERSION = 1


class PlanError(BnnplanError):
    """A plan that does not belong to the network at hand, or whose placements cannot be."""


class InfeasibleError(BnnplanError):
    """No plan exists; the message says which constraints conflict."""

    exit_code = 3


class NoPlanError(BnnplanError):
    """No plan was found within the time limit."""

    exit_code = 4


@frozen
class PlannedLayer:
    """One layer of a plan.

    Parameters
    ----------
    name, kind : str
    device : str
    configuration : Configuration
    start_ns : int
        When it starts in the predicted schedule.
    predicted_ns : int
    measured_ns : int or None
        Median in the running plan; None where it was not run.
    """

    name: str
    kind: str
    device: str
    configuration: Configuration
    start_ns: int
    predicted_ns: int
    measured_ns: int | None = None


@frozen
class PlannedTransfer:
    """A tensor that moves from one space to another; ``user`` is the caller's memory."""

    tensor: str
    source: str
    target: str
    nbytes: int
    predicted_ns: int
    measured_ns: int | None = None


@frozen
class Proof:
    """How the plan was found, and what is proven about it.

    Parameters
    ----------
    status : str
        ``optimal`` if proven, else ``feasible``.
    objective_ns, bound_ns : int
        Predicted latency, and the latency below which no plan can be with the costs given.
    method : str
    seconds : float
    message : str
    """

    status: str
    objective_ns: int
    bound_ns: int | None
    method: str
    seconds: float
    message: str = ""

    @property
    def gap(self) -> float | None:
        """Share of the objective that is not proven necessary; 0 if optimal."""
        if self.bound_ns is None:
            return None
        return (self.objective_ns - self.bound_ns) / max(self.objective_ns, 1)


@frozen
class Baseline:
    """A plan to compare with.

    Parameters
    ----------
    name : str
    predicted_ns : int or None
        None if it is not feasible; `note` says why.
    measured : Time or None
    note : str
    placements : mapping of str to (str, Configuration)
        Device and configuration by layer; empty if not feasible.
    """

    name: str
    predicted_ns: int | None
    measured: Time | None = None
    note: str = ""
    placements: Mapping[str, tuple[str, Configuration]] = field(factory=dict, converter=as_dict)


@frozen
class Measured:
    """The plan as it ran on the board; medians, nanoseconds.

    Parameters
    ----------
    end_to_end : Time
    layers_ns, transfers_ns, launches_ns : int
        Sums over the plan.
    unattributed_ns : int
        End to end, less the three sums.
    """

    end_to_end: Time
    layers_ns: int
    transfers_ns: int
    launches_ns: int
    unattributed_ns: int


@frozen
class Plan:
    """The placement of every layer, with schedule, proof and comparisons.

    Parameters
    ----------
    source : str
        What the network was opened from: a zoo name or a file.
    network, network_fingerprint : str
    board : Board
    batch : int
    objective : str
    layers : tuple of PlannedLayer
        In the order of the schedule.
    transfers : tuple of PlannedTransfer
    launches_ns : int
        Predicted overhead of starting programs, in all.
    concurrent : bool
        Whether layers of different devices overlap in time.
    proof : Proof
    baselines : tuple of Baseline
    measured : Measured or None
    verdict : str
        What the comparison on the board said; empty if it was not run.
    """

    source: str
    network: str
    network_fingerprint: str
    board: Board
    batch: int
    objective: str
    layers: tuple[PlannedLayer, ...] = field(converter=as_tuple)
    transfers: tuple[PlannedTransfer, ...] = field(converter=as_tuple)
    launches_ns: int
    concurrent: bool
    proof: Proof
    baselines: tuple[Baseline, ...] = field(default=(), converter=as_tuple)
    measured: Measured | None = None
    verdict: str = ""

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.batch <= MOST_IMAGES:
            raise PlanError(f"the batch must be from 1 to {MOST_IMAGES}, not {self.batch}")
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise PlanError(f"layer {name!r} is placed twice")
        for device, _ in self.assignment.values():
            self.board.device(device)
        for baseline in self.baselines:
            for device, _ in baseline.placements.values():
                self.board.device(device)

    @property
    def assignment(self) -> dict[str, tuple[str, Configuration]]:
        """Device and configuration by name of layer."""
        return {layer.name: (layer.device, layer.configuration) for layer in self.layers}

    @property
    def order(self) -> list[str]:
        """Names of the layers in the order of the schedule."""
        return [layer.name for layer in self.layers]

    @property
    def predicted_ns(self) -> int:
        """Predicted latency end to end."""
        return self.proof.objective_ns

    def baseline(self, name: str) -> Baseline | None:
        """The baseline of a name, if there is one."""
        return next((b for b in self.baselines if b.name == name), None)

    def require(self, network: Network) -> None:
        """Raise PlanError unless the plan is of this network, and places its layers in order."""
        if self.network_fingerprint != shape_fingerprint(network):
            raise PlanError(
                f"the plan is of network {self.network!r}, whose layers differ from those of "
                f"{network.name!r}; solve for this network"
            )
        nodes = {node.name: node for node in network.nodes}
        if missing := [name for name in nodes if name not in self.assignment]:
            raise PlanError(f"the plan does not place layer {missing[0]!r}; solve again")
        made = set(network.inputs)
        for name in self.order:
            if name not in nodes:
                raise PlanError(f"the plan places {name!r}, which is no layer; solve again")
            if not made.issuperset(nodes[name].inputs):
                raise PlanError(f"the plan runs layer {name!r} before what it reads; solve again")
            made.update(nodes[name].outputs)
        for baseline in self.baselines:
            if baseline.placements and baseline.placements.keys() != nodes.keys():
                raise PlanError(f"baseline {baseline.name!r} misplaces layers; solve again")


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan file (schema ``bnnplan.plan``)."""
    write_json(path, SCHEMA, VERSION, converter().unstructure(plan))


def load_plan(path: Path) -> Plan:
    """Read a plan file; FileError with file, field and reason where that is impossible."""
    plan: Plan = structure(read_json(path, SCHEMA, VERSION), Plan, path)
    return plan
