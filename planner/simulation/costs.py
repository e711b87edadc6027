"""What everything that a plan does takes, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import USER
from bnnplan.planner.cores import cluster_of
from bnnplan.planner.encoding_tensors import link_name
from bnnplan.planner.execution.pipelines.units import resources
from bnnplan.planner.execution.runner import transfer_label
from bnnplan.planner.execution.segments import Segment
from bnnplan.planner.execution.staging import Formats, Place
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.plan import Plan, PlanError, PlannedLayer, PlannedStream
from bnnplan.planner.profile import PlacementCost, Profile
from bnnplan.planner.simulation.model import Activity
from bnnplan.planner.simulation.spread import spread_of
from bnnplan.planner.uncertainty import doubt_of


@frozen
class Costs:
    """The costs of a plan: those of a profile where one is given, else those that it states.

    Parameters
    ----------
    plan : Plan
    network : Network
    profile : Profile or None
    scatters : bool
        Whether activities scatter as their profile says.
    """

    plan: Plan
    network: Network
    profile: Profile | None
    scatters: bool = False

    def cost_of(self, row: PlannedLayer) -> PlacementCost | None:
        """What the profile says of a layer's placement; None without a profile.

        Raises
        ------
        PlanError
            If the profile does not have it.
        """
        if self.profile is None:
            return None
        devices = (row.device, cluster_of(row.device))
        for cost in self.profile.layers[row.name].placements:
            if cost.device in devices and cost.configuration == row.configuration:
                return cost
        raise PlanError(
            f"the profile does not know layer {row.name!r} on {row.device} as "
            f"{row.configuration.label!r}, where the plan has it; leave the profile out, or take "
            "the one that the plan was made from"
        )

    def layer(self, row: PlannedLayer) -> Activity:
        """A layer: in pipelines what it takes while other devices work, where that is known."""
        busy = resources(self.plan.board, row.device)
        stated = row.predicted_ns if row.loaded_ns is None else row.loaded_ns
        cost = self.cost_of(row)
        if cost is None:
            return Activity(EventKind.LAYER, row.name, row.device, busy, stated)
        time = cost.time
        if self.plan.request.is_pipeline and cost.loaded is not None:
            time = cost.loaded
        return Activity(
            EventKind.LAYER,
            row.name,
            row.device,
            busy,
            time.median,
            spread_of(time) if self.scatters else None,
            doubt_of(row.name, row.kind, cost, time),
        )

    def program(self, stream: PlannedStream, segment: Segment) -> Iterator[Activity]:
        """Starting the program of a segment, and its layers."""
        rows = {row.name: row for row in stream.layers}
        mine = [rows[node.name] for node in segment.nodes]
        taken = sum(row.launch_ns for row in mine)
        if stream.layers[0] in mine and not any(row.launch_ns for row in stream.layers):
            taken = self.plan.launches_ns  # Older plans do not say which layers they are of.
        busy = resources(self.plan.board, segment.device)
        yield Activity(EventKind.LAUNCH, segment.device, segment.device, busy, taken)
        yield from map(self.layer, mine)

    def transfer(
        self,
        stream: PlannedStream,
        tensor: str,
        ends: tuple[str, str],
        device: str | None,
    ) -> Activity:
        """Moving a tensor between memory spaces, or within one to another format.

        Parameters
        ----------
        stream : PlannedStream
        tensor : str
        ends : (str, str)
            Source and target.
        device : str or None
            Whose thread does it, and can do nothing else meanwhile.
        """
        source, target = ends
        nbytes = self.network.types[tensor].nbytes(self.plan.batch)
        known = self.profile.transfer(source, target) if self.profile else None
        if known is not None:
            taken = known.duration(nbytes)
        else:
            stated = {(m.tensor, m.source, m.target): m.predicted_ns for m in stream.transfers}
            taken = stated.get((tensor, source, target), 0)
        busy = resources(self.plan.board, device) if device else frozenset[str]()
        busy |= {link_name(source, target)}
        return Activity(
            EventKind.TRANSFER,
            transfer_label(tensor, source, target),
            device or "",
            busy,
            taken,
        )

    def copies(
        self, stream: PlannedStream, copies: Iterable[tuple[Place, Place]], device: str
    ) -> Iterator[Activity]:
        """Moving tensors between places, by the thread of a device."""
        for (tensor, source, _), (_, target, _) in copies:
            yield self.transfer(stream, tensor, (source, target), device)

    def uploads(
        self,
        stream: PlannedStream,
        places: Iterable[Place],
        device: str | None,
    ) -> Iterator[Activity]:
        """Moving tensors of the caller's to places."""
        for tensor, space, _ in places:
            yield self.transfer(stream, tensor, (USER, space), device)

    def downloads(
        self,
        stream: PlannedStream,
        places: Iterable[Place],
        device: str | None,
    ) -> Iterator[Activity]:
        """Moving tensors from places to the caller."""
        for tensor, space, _ in places:
            yield self.transfer(stream, tensor, (space, USER), device)

    def formats(self, stream: PlannedStream) -> Formats:
        """The input and output formats of the kernels of a stream.

        Without a profile they are the shared ones. But where the plan moves a tensor within its
        space, devices of other backends than its maker's take it in a format of their own.
        """
        rows = {row.name: row for row in stream.layers}
        within = {move.tensor for move in stream.transfers if move.source == move.target}
        backend = {device.name: device.backend for device in self.plan.board.devices}

        def formats(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
            row = rows[node.name]
            cost = self.cost_of(row)
            if cost is not None:
                return cost.input_formats, cost.output_formats
            inputs = []
            for tensor in node.inputs:
                maker = self.network.producers.get(tensor)
                shared = self.network.types[tensor].format
                mine = backend[row.device]
                other = maker is not None and backend[rows[maker.name].device] != mine
                inputs.append(f"{shared} of {mine}" if other and tensor in within else shared)
            return tuple(inputs), tuple(self.network.types[name].format for name in node.outputs)

        return formats
