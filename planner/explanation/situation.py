"""A plan in the problems that a profile gives for its request."""

from __future__ import annotations

from attrs import frozen

from bnnplan.models.graph import Network
from bnnplan.planner.cores import named_part, on_devices
from bnnplan.planner.encoding import Encoding
from bnnplan.planner.plan import Plan, PlanError
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin, PlacementCost, Profile
from bnnplan.planner.request import Request
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.checking.checker import check
from bnnplan.planner.solvers.schedules.evaluation import schedule
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph
from bnnplan.planner.solving import encodings_of
from bnnplan.planner.streams.problems import stream_request
from bnnplan.planner.uncertainty import least_known


@frozen
class Setting:
    """One of the problems: under one limit on threads.

    Parameters
    ----------
    encoding : Encoding
    graph : Graph
    present : Solution or None
        The plan in this problem; None where the limit leaves out one of its placements.
    """

    encoding: Encoding
    graph: Graph
    present: Solution | None


@frozen
class Situation:
    """A plan in the problems that a profile gives for its request.

    Of a plan with several streams it is the fastest one, on its own devices.

    Parameters
    ----------
    network : Network
    plan : Plan
    profile : Profile
        Of the devices that the plan could have used.
    settings : tuple of Setting
    home : Setting
        The one in which the plan is best: its launches are those of as many threads as it uses.
    """

    network: Network
    plan: Plan
    profile: Profile
    settings: tuple[Setting, ...]
    home: Setting

    @property
    def measure(self) -> Measure:
        """What is minimised first; all values are by it."""
        return self.plan.objective

    @property
    def stated(self) -> int:
        """What the plan itself states: another value if its costs were others."""
        plan = self.plan
        return plan.streams[0].period_ns if plan.request.is_stream else plan.proof.value

    @property
    def origin(self) -> Origin:
        """How the costs of the plan's layers are known."""
        chosen = self.home.encoding.chosen(self.present.choice)
        return least_known(cost.origin for cost in chosen.values())

    @property
    def offered(self) -> Origin:
        """How the costs are known of all placements that there are instead."""
        costs = (cost for row in self.profile.layers.values() for cost in row.placements)
        return least_known(cost.origin for cost in costs)

    @property
    def present(self) -> Solution:
        """The plan in the problem where it is best."""
        assert self.home.present is not None
        return self.home.present

    def task(self, layer: str) -> int:
        """The position of a layer's task, which is the same in all problems."""
        names = [task.name for task in self.home.encoding.problem.tasks]
        return names.index(layer)


def situate(network: Network, plan: Plan, profile: Profile) -> Situation:
    """Set a plan into the problems that a profile gives for its request.

    Raises
    ------
    ProfileError
        If the profile is of another network or batch.
    PlanError
        If the profile does not have a placement of the plan.
    """
    profile.require(network, plan.batch)
    profile, request = _of_first_stream(plan, profile)
    settings = []
    for encoding in encodings_of(network, profile, request):
        graph = Graph(encoding.problem)
        settings.append(Setting(encoding, graph, _present(encoding, graph, plan)))
    holding = [one for one in settings if one.present is not None]
    if not holding:
        raise PlanError(_missing(plan, profile))
    home = min(holding, key=lambda one: one.present.objective if one.present else 0)
    return Situation(network, plan, profile, tuple(settings), home)


def _of_first_stream(plan: Plan, profile: Profile) -> tuple[Profile, Request]:
    """The profile on the devices of the fastest stream, and what was asked of that alone.

    They are the only ones there if some are parts of clusters, or there are more streams.
    """
    board = profile.board
    used = dict.fromkeys(device for device, _ in plan.assignment.values())
    parts = {name: named_part(board, name) for name in used}
    if not plan.replicas and not any(parts.values()):
        return profile, plan.request
    devices = [part or board.device(name) for name, part in parts.items()]
    return on_devices(profile, devices), stream_request(plan.request, devices)


def option_name(cost: PlacementCost) -> str:
    """What a placement is called in the problems."""
    return f"{cost.device} {cost.configuration.label}"


def _present(encoding: Encoding, graph: Graph, plan: Plan) -> Solution | None:
    """The plan as a solution, in its own order where that is better."""
    placements = {
        name: {(cost.device, cost.configuration): cost for cost in costs}
        for name, costs in encoding.placements.items()
    }
    if any(plan.assignment[name] not in known for name, known in placements.items()):
        return None
    choice = encoding.choice(
        {name: known[plan.assignment[name]] for name, known in placements.items()}
    )
    tried = [solution_of(graph, choice)]
    if not graph.problem.is_pipeline:
        # Tasks that are no layers are the caller's inputs and outputs: first and last.
        place = {name: position for position, name in enumerate(plan.order)}
        places = [
            place.get(task.name, len(place) if graph.inputs[number] else -1)
            for number, task in enumerate(graph.tasks)
        ]
        order = sorted(range(len(choice)), key=lambda task: places[task])
        tried.append(schedule(graph, choice, order))
    found = [one for one in tried if one is not None]
    return min(
        found,
        key=lambda one: (bool(check(graph.problem, one)), one.objective),
        default=None,
    )


def _missing(plan: Plan, profile: Profile) -> str:
    for name, (device, configuration) in plan.assignment.items():
        known = {(cost.device, cost.configuration) for cost in profile.layers[name].placements}
        if (device, configuration) not in known:
            return (
                f"the profile has no layer {name!r} on {device} {configuration.label}, where the "
                "plan has it: give the profile that the plan was made with (--profile FILE), or "
                "solve again"
            )
    return f"the plan of {plan.network!r} does not obey its own request; solve again"
