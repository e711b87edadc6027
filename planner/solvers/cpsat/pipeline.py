"""Any pipeline in CP-SAT: a placement, the loads of its resources, and stages where they matter."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.problem import Export, Measure, Transfer
from bnnplan.planner.solution import Solution
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat.circles import forbid_circles
from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.in_flight import InFlight
from bnnplan.planner.solvers.cpsat.memory import weights
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.cpsat.stages import Stages
from bnnplan.planner.solvers.cpsat.symmetry import use_in_order
from bnnplan.planner.solvers.interchangeable import Family
from bnnplan.planner.solvers.schedules.loads import distinct_resources
from bnnplan.planner.solvers.structure import Graph


class Detail(enum.Enum):
    """How much of a problem is modelled."""

    WEIGHTS = enum.auto()
    """Memory holds weights only: a relaxation."""
    IN_FLIGHT = enum.auto()
    """All of it."""


class PipelineModel:
    """The model of a pipeline.

    Parameters
    ----------
    graph, kept
        The problem, and the options that are left of it.
    families : sequence of Family
        Equal devices; tasks use them in order.
    periods : (int, int)
        The least and the largest period to consider, ns.
    most_stages : int
        The largest number of stages to consider.
    detail : Detail
        How memory is modelled.
    """

    def __init__(
        self,
        graph: Graph,
        kept: Kept,
        families: Sequence[Family],
        periods: tuple[int, int],
        most_stages: int,
        detail: Detail,
    ) -> None:
        self.graph = graph
        self.model = cp_model.CpModel()
        self.families = families
        self.measured = {
            graph.problem.objectives[0],
            *(limit.measure for limit in graph.problem.limits),
        }
        exact = detail is Detail.IN_FLIGHT
        staged = exact or Measure.LATENCY in self.measured or bool(graph.contiguous)
        self.placement = Placement(self.model, graph, kept, by_device=staged)
        self.period = self.model.new_int_var(*periods, "period")
        self._limit_loads()
        use_in_order(self.placement, families)
        if graph.contiguous:
            forbid_circles(self.placement)
        self.stages = Stages(self.placement, most_stages - 1, exact=exact) if staged else None
        limit = graph.problem.limit(Measure.PERIOD)
        if limit is not None:
            self.model.add(self.period <= limit)
        self.latency: Expression = 0
        if Measure.LATENCY in self.measured:
            self.latency = self._add_latency(most_stages, periods[1])
        self.held = self._add_memory(exact=exact)
        self.model.minimize(self._objective())

    def _objective(self) -> Expression:
        measure = self.graph.problem.objectives[0]
        if measure is Measure.PERIOD:
            return self.period
        if measure is Measure.LATENCY:
            return self.latency
        if measure is Measure.ENERGY:
            return self.placement.energy()
        return sum(self.held.values())

    def _limit_loads(self) -> None:
        graph, placement = self.graph, self.placement
        for resource in distinct_resources(graph):
            load: Expression = sum(
                option.duration * literal
                for task, literals in enumerate(placement.option)
                for index, literal in literals.items()
                for option in [graph.tasks[task].options[index]]
                if resource in graph.resources[option.device]
            )
            load += sum(self._entry(task, resource) for task in range(len(graph.tasks)))
            load += sum(
                what.duration * literal
                for what, literal in self._moves()
                if resource in what.resources
            )
            self._limit(load)
        for what, literal in self._moves():
            if what.duration and not what.resources:
                self._limit(what.duration * literal)

    def _limit(self, load: Expression) -> None:
        # A domain instead of a comparison: the load may be a plain number.
        self.model.add_linear_expression_in_domain(
            load - self.period, cp_model.Domain(cp_model.INT_MIN, 0)
        )

    def _moves(self) -> Iterator[tuple[Transfer | Export, cp_model.IntVar]]:
        """Give everything that is transferred and exported."""
        placement = self.placement
        for tensor, moves in enumerate(placement.moved):
            for ports, literal in moves.items():
                yield placement.move(tensor, ports), literal
        for tensor, exports in enumerate(placement.exported):
            for port, literal in exports.items():
                yield placement.export(tensor, port), literal

    def _entry(self, task: int, resource: str) -> Expression:
        """Give the ns that the entry of a task keeps a resource busy."""
        graph = self.graph
        costs = []
        for link in graph.inputs[task]:
            terms = [
                (cost, literal)
                for (a, b), literal in self.placement.pair[link.number].items()
                if (cost := graph.entries.get((a[0], b[0]), 0))
                and resource in graph.resources[b[0]]
            ]
            if terms:
                costs.append((sum(cost * lit for cost, lit in terms), max(c for c, _ in terms)))
        if len(costs) == 1:
            return costs[0][0]
        if not costs:
            return 0
        longest = max(most for _, most in costs)
        entry = self.model.new_int_var(0, longest, f"entry_{task}_{resource}")
        for paid, _ in costs:
            self.model.add(entry >= paid)
        return entry

    def _add_latency(self, most_stages: int, longest: int) -> Expression:
        """Add the latency: at least the period as often as there are stages."""
        assert self.stages is not None
        model = self.model
        limit = self.graph.problem.limit(Measure.LATENCY)
        more = [model.new_bool_var(f"more_than_{count}") for count in range(1, most_stages)]
        for fewer, literal in itertools.pairwise(more):
            model.add_implication(literal, fewer)
        for task in range(len(self.graph.tasks)):
            model.add(self.stages.stage[task] <= sum(more))
        latency = model.new_int_var(0, most_stages * longest, "latency")
        model.add(latency >= self.period)
        if limit is not None:
            model.add(latency <= limit)
        for count, literal in enumerate(more, start=2):
            model.add(latency >= count * self.period).only_enforce_if(literal)
            if limit is not None:
                model.add(self.period <= limit // count).only_enforce_if(literal)
        return latency

    def _add_memory(self, *, exact: bool) -> dict[str, Expression]:
        """Limit what every space holds; give it by space."""
        problem = self.graph.problem
        spaces = list(self.graph.capacity)
        if Measure.MEMORY in self.measured:
            spaces = [space.name for space in problem.spaces]
        held: dict[str, Expression]
        if exact:
            assert self.stages is not None
            held = InFlight(self.placement, self.stages, spaces).held
        else:
            held = {space: weights(self.placement, space) for space in spaces}
        for space, capacity in self.graph.capacity.items():
            self.model.add_linear_expression_in_domain(held[space], cp_model.Domain(0, capacity))
        limit = problem.limit(Measure.MEMORY)
        if limit is not None:
            self.model.add_linear_expression_in_domain(
                sum(held.values()), cp_model.Domain(0, limit)
            )
        return held

    def forbid(self, choice: Sequence[int]) -> None:
        """Leave out a choice."""
        self.model.add_bool_or(
            ~literals[index]
            for literals, index in zip(self.placement.option, choice, strict=True)
            if len(literals) > 1
        )

    def hint(self, solution: Solution) -> None:
        """Hint a solution: its placement, period and stages of tasks."""
        assert solution.period is not None
        choice: Sequence[int] = solution.choice
        for family in self.families:
            choice = family.relabelled(choice)
        hints: dict[int, int] = {self.period.index: solution.period}
        self.placement.hint(hints, choice)
        if self.stages is not None:
            for task, stage in enumerate(solution.stages):
                hints[self.stages.stage[task].index] = stage
        for index, value in hints.items():
            self.model.add_hint(self.model.get_int_var_from_proto_index(index), value)
