"""The plan: where every layer runs, when, what that costs, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.errors import BnnplanError
from bnnplan.models.files import Migrations, converter, read_json, structure, write_json
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.profile import (
    MOST,
    MOST_IMAGES,
    Time,
    check_configuration,
    check_figures,
    shape_fingerprint,
)

SCHEMA = "bnnplan.plan"
VERSION = 2
MIGRATIONS: Migrations = {1: lambda content: content}
"""Version 2 added memory[] and board.devices[].ceilings, which may be missing."""


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

    def __attrs_post_init__(self) -> None:
        figures = (self.start_ns, self.predicted_ns, self.measured_ns or 0)
        check_figures(f"layer {self.name!r}: a time in nanoseconds", *figures)
        check_configuration(self.configuration)


@frozen
class PlannedTransfer:
    """A tensor that moves from one space to another; ``user`` is the caller's memory."""

    tensor: str
    source: str
    target: str
    nbytes: int
    predicted_ns: int
    measured_ns: int | None = None

    def __attrs_post_init__(self) -> None:
        figures = (self.nbytes, self.predicted_ns, self.measured_ns or 0)
        check_figures(f"transfer of {self.tensor!r}: bytes and nanoseconds", *figures)


@frozen
class MemoryUse:
    """What running a plan allocates in one memory space, bytes.

    Parameters
    ----------
    space : str
    weight_bytes : int
        As packed for the chosen kernels.
    activation_bytes : int
        Of the arena that tensors share.
    alive_bytes : int
        The most bytes of tensors that must be held at once; no arena can be smaller.
    workspace_bytes : int
        Of all programs.
    predicted_bytes : int or None
        The most, of all of these, that the solver counted at any moment of the schedule.
    """

    space: str
    weight_bytes: int
    activation_bytes: int
    alive_bytes: int
    workspace_bytes: int
    predicted_bytes: int | None = None

    def __attrs_post_init__(self) -> None:
        figures = (self.weight_bytes, self.activation_bytes, self.alive_bytes)
        more = (self.workspace_bytes, self.predicted_bytes or 0)
        check_figures(f"bytes in memory space {self.space!r}", *figures, *more)

    @property
    def allocated_bytes(self) -> int:
        """Everything that is allocated."""
        return self.weight_bytes + self.activation_bytes + self.workspace_bytes

    @property
    def ratio(self) -> float:
        """Bytes allocated for tensors by those that must be held at once."""
        return self.activation_bytes / max(self.alive_bytes, 1)


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

    def __attrs_post_init__(self) -> None:
        figures = (self.objective_ns, self.bound_ns or 0, self.seconds)
        check_figures("objective, bound and seconds of a proof", *figures)

    @property
    def gap(self) -> float | None:
        """Share of the objective that is not proven necessary; 0 if optimal."""
        if self.bound_ns is None:
            return None
        return (self.objective_ns - self.bound_ns) / max(self.objective_ns, 1)


@frozen
class Ratio:
    """Median of the ratios of paired runs, with the ends of its 95 % interval."""

    median: float
    low: float
    high: float

    def __attrs_post_init__(self) -> None:
        if not all(0 <= figure <= MOST for figure in (self.median, self.low, self.high)):
            raise PlanError(f"a ratio of times must be from 0 to {MOST}")

    @property
    def is_one(self) -> bool:
        """Whether the interval includes 1: then nothing is known to be faster."""
        return self.low <= 1.0 <= self.high


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
    ratio : Ratio or None
        Measured time by the plan's, over paired runs; above 1 where the plan is faster.
    placements : mapping of str to (str, Configuration)
        Device and configuration by layer; empty if not feasible.
    """

    name: str
    predicted_ns: int | None
    measured: Time | None = None
    note: str = ""
    ratio: Ratio | None = None
    placements: Mapping[str, tuple[str, Configuration]] = field(factory=dict, converter=as_dict)

    def __attrs_post_init__(self) -> None:
        check_figures(f"baseline {self.name!r}: predicted nanoseconds", self.predicted_ns or 0)
        for _, configuration in self.placements.values():
            check_configuration(configuration)


@frozen
class Measured:
    """The plan as it ran on the board, nanoseconds.

    ``layers + transfers + launches + unattributed - timing`` is the median end to end.

    Parameters
    ----------
    end_to_end : Time
        Of runs in which only the whole is timed.
    layers_ns, transfers_ns, launches_ns : int
        Sums over the plan, of the runs in which every part is timed.
    unattributed_ns : int
        Of the same runs: end to end, less the three sums.
    timing_ns : int
        How much longer the runs took in which every part is timed. Part of it is timing itself; a
        plan that runs devices at the same time runs them one after the other there.
    """

    end_to_end: Time
    layers_ns: int
    transfers_ns: int
    launches_ns: int
    unattributed_ns: int
    timing_ns: int = 0

    def __attrs_post_init__(self) -> None:
        parts = (self.layers_ns, self.transfers_ns, self.launches_ns)
        rest = (abs(self.unattributed_ns), abs(self.timing_ns))
        check_figures("a measured time in nanoseconds", *parts, *rest)


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
    memory : tuple of MemoryUse
        One a space.
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
    memory: tuple[MemoryUse, ...] = field(default=(), converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        check_figures("launches in nanoseconds", self.launches_ns)
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
                f"the plan is of another network, {self.network!r}: its layers differ from those "
                f"of {network.name!r} here, or another bnnplan lowered them; solve for this network"
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
    plan: Plan = structure(read_json(path, SCHEMA, VERSION, MIGRATIONS), Plan, path)
    return plan
