"""The plan: where every layer runs, when, what that costs, and how that is known."""

from __future__ import annotations

from attrs import field, frozen

from bnnplan.backends.interface import Configuration
from bnnplan.models.converters import as_tuple
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.plan_checks import check_streams, require_streams
from bnnplan.planner.plan_errors import InfeasibleError, NoPlanError, PlanError
from bnnplan.planner.plan_parts import (
    Measured,
    MeasuredPipeline,
    MeasuredStage,
    MemoryUse,
    PlannedLayer,
    PlannedStream,
    PlannedTransfer,
    Ratio,
)
from bnnplan.planner.plan_trials import Agreement, Candidates, MeasuredCandidate
from bnnplan.planner.plan_values import Baseline, BatchResult, Predicted, Proof, gap
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import MOST_IMAGES, check_figures, shape_fingerprint
from bnnplan.planner.request import Request

__all__ = [
    "Agreement",
    "Baseline",
    "BatchResult",
    "Candidates",
    "InfeasibleError",
    "Measured",
    "MeasuredCandidate",
    "MeasuredPipeline",
    "MeasuredStage",
    "MemoryUse",
    "NoPlanError",
    "Plan",
    "PlanError",
    "PlannedLayer",
    "PlannedStream",
    "PlannedTransfer",
    "Predicted",
    "Proof",
    "Ratio",
    "gap",
]


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
    request : Request
        What was asked for.
    layers : tuple of PlannedLayer
        In the order of the schedule.
    transfers : tuple of PlannedTransfer
    launches_ns : int
        Predicted overhead of starting programs, in all.
    concurrent : bool
        Whether layers of different devices overlap in time.
    predicted : Predicted
        Of the whole.
    proof : Proof
    baselines : tuple of Baseline
    measured : Measured or None
    verdict : str
        What the comparison on the board said; empty if it was not run.
    memory : tuple of MemoryUse
        One a space: as allocated where it was run, else as planned.
    batches : tuple of BatchResult
        Every batch that could have been taken; empty where only one was asked for.
    agreement : Agreement or None
        How correcting costs on the board has ended; None where it was not run.
    candidates : Candidates or None
        The plans that were measured to find this one; None where the solver's was taken.
    costs : str
        Digest of the costs that it was made with (`Profile.costs_digest`), as corrected on the
        board; empty in plans that do not state it.
    replicas : tuple of PlannedStream
        In a pipeline: the streams beside the one that `layers` and `transfers` state, which is the
        fastest. Each computes the whole network on devices of its own; frames are dealt out.
    model : str
        What predicted the costs that were not measured, of the plan's placements or of those that
        it does without, in words; empty without such.
    pipeline : MeasuredPipeline or None
        How it ran as a pipeline; None where it did not.
    """

    source: str
    network: str
    network_fingerprint: str
    board: Board
    batch: int
    request: Request
    layers: tuple[PlannedLayer, ...] = field(converter=as_tuple)
    transfers: tuple[PlannedTransfer, ...] = field(converter=as_tuple)
    launches_ns: int
    concurrent: bool
    predicted: Predicted
    proof: Proof
    baselines: tuple[Baseline, ...] = field(default=(), converter=as_tuple)
    measured: Measured | None = None
    verdict: str = ""
    memory: tuple[MemoryUse, ...] = field(default=(), converter=as_tuple)
    batches: tuple[BatchResult, ...] = field(default=(), converter=as_tuple)
    agreement: Agreement | None = None
    candidates: Candidates | None = None
    costs: str = ""
    model: str = ""
    replicas: tuple[PlannedStream, ...] = field(default=(), converter=as_tuple)
    pipeline: MeasuredPipeline | None = None

    def __attrs_post_init__(self) -> None:
        check_figures("launches in nanoseconds", self.launches_ns)
        if not 1 <= self.batch <= MOST_IMAGES:
            raise PlanError(f"the batch must be from 1 to {MOST_IMAGES}, not {self.batch}")
        check_streams(self.board, self.streams)
        if self.replicas and not self.request.is_pipeline:
            raise PlanError("several streams are for throughput, which is not asked for")
        for baseline in self.baselines:
            for device, _ in baseline.placements.values():
                self.board.device(device)

    @property
    def assignment(self) -> dict[str, tuple[str, Configuration]]:
        """Device and configuration by name of layer."""
        return {layer.name: (layer.device, layer.configuration) for layer in self.layers}

    @property
    def streams(self) -> tuple[PlannedStream, ...]:
        """Of a pipeline: all its streams, the fastest first; else one, of the latency alone."""
        predicted = self.predicted
        first = PlannedStream(
            self.layers,
            self.transfers,
            predicted.first_period_ns or predicted.period_ns or predicted.latency_ns,
            predicted.first_latency_ns or predicted.latency_ns,
        )
        return (first, *self.replicas)

    @property
    def order(self) -> list[str]:
        """Names of the layers in the order of the schedule."""
        return [layer.name for layer in self.layers]

    @property
    def predicted_ns(self) -> int:
        """Predicted latency of one batch that runs alone: what running the plan measures."""
        return self.predicted.alone_ns

    @property
    def is_run(self) -> bool:
        """Whether it states how it ran on the board."""
        return self.measured is not None or self.pipeline is not None

    @property
    def objective(self) -> Measure:
        """The first objective."""
        return self.request.objectives[0]

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
        require_streams(network, self.streams)
        names = {node.name for node in network.nodes}
        for baseline in self.baselines:
            if baseline.placements and baseline.placements.keys() != names:
                raise PlanError(f"baseline {baseline.name!r} misplaces layers; solve again")
