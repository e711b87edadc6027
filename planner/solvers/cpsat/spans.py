"""Between a fork and a join in the CP-SAT schedule model: redundant, but tight from the beginning.

Intervals say little until they are placed. What a resource does between the task where branches
begin and the one where they join is a plain sum, which knows the option of each task. Besides, a
resource is idle until something has come to it from elsewhere, and while what it made last goes on
its way to the join, unless fork or join use the resource themselves.

Source of the idle ends: heads and tails of one-machine relaxations, Carlier, "The one-machine
sequencing problem", European Journal of Operational Research 11, 1982.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import frozen

from bnnplan.planner.problem import Option
from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.schedule import Schedule
from bnnplan.planner.solvers.structure import Graph, Link


def add_spans(times: Schedule) -> None:
    """Bound the time from each fork to its join by what resources do in between."""
    carrying: set[str] = set()
    for tensor in times.graph.tensors:
        carrying.update(*(move.resources for move in tensor.transfers))
        carrying.update(*(export.resources for export in tensor.exports))
    for fork, join in _spans(times.graph):
        span = _Span(times, fork, join)
        for resource, load in span.loads().items():
            # Where transfers use a resource, it may be they that come first and last on it.
            idle = 0 if resource in carrying else span.idle(resource)
            times.model.add(times.start[join] - times.end[fork] >= load + idle)


def _spans(graph: Graph) -> Iterator[tuple[int, int]]:
    """Give the last task before all branches that join at a task, and that task."""
    before = [0] * len(graph.tasks)
    for task in graph.order:
        for link in graph.inputs[task]:
            before[task] |= before[link.source] | 1 << link.source
        common = -1
        for link in graph.inputs[task]:
            common &= before[link.source] | 1 << link.source
        if len(graph.inputs[task]) > 1 and common:
            yield [other for other in graph.order if common >> other & 1][-1], task


@frozen
class _Span:
    """What lies between a fork and a join."""

    times: Schedule
    fork: int
    join: int

    @property
    def inside(self) -> list[int]:
        """List the tasks that wait for the fork, and for which the join waits."""
        after = self.times.after
        return [
            task
            for task in range(len(after))
            if after[self.fork] >> task & 1 and after[task] >> self.join & 1
        ]

    def loads(self) -> dict[str, Expression]:
        """Give how long each resource is busy in between, with what certainly lies there."""
        placement, graph = self.times.placement, self.times.graph
        inside = set(self.inside)
        loads: dict[str, Expression] = {}

        def add(resources: Iterable[str], load: Expression) -> None:
            for resource in sorted(resources):
                loads[resource] = loads.get(resource, 0) + load

        for task in sorted(inside):
            for index, literal in placement.option[task].items():
                option = graph.tasks[task].options[index]
                add(graph.resources[option.device], option.duration * literal)
        for tensor, links in enumerate(graph.readers):
            if graph.source[tensor] not in {self.fork, *inside}:
                continue
            if any(link.target not in {self.join, *inside} for link in links):
                continue
            for ports, literal in placement.moved[tensor].items():
                move = placement.move(tensor, ports)
                add(move.resources, move.duration * literal)
            for port, literal in placement.exported[tensor].items():
                export = placement.export(tensor, port)
                add(export.resources, export.duration * literal)
        return loads

    def idle(self, resource: str) -> Expression:
        """Give how long a resource that only tasks use is idle at either end, if it is used."""
        times, graph = self.times, self.times.graph
        placement = times.placement
        inside = self.inside
        users: dict[int, list[int]] = {}
        for task in inside:
            options = graph.tasks[task].options
            users[task] = [
                index
                for index in placement.option[task]
                if options[index].duration and resource in graph.resources[options[index].device]
            ]
        firsts, lasts = [], []
        for task, indices in users.items():
            for index in indices:
                firsts.append(self._coming(task, index, resource, inside))
                lasts.append(self._leaving(task, index, resource, inside))
        first = min((one for one in firsts if one is not None), default=0)
        last = min((one for one in lasts if one is not None), default=0)
        if not first and not last:
            return 0
        used = times.model.new_bool_var(f"used_{resource}_{self.fork}_{self.join}")
        for task, indices in users.items():
            if indices:
                times.model.add_implication(placement.group(task, indices), used)
        placement.derived[used.index] = lambda choice: any(
            choice[task] in indices for task, indices in users.items()
        )
        return first * (used - self._on(self.fork, resource)) + last * (
            used - self._on(self.join, resource)
        )

    def _on(self, task: int, resource: str) -> Expression:
        """Tell whether a task runs where the resource is used."""
        tasks, resources = self.times.graph.tasks, self.times.graph.resources
        return sum(
            literal
            for index, literal in self.times.placement.option[task].items()
            if resource in resources[tasks[task].options[index].device]
        )

    def _coming(self, task: int, index: int, resource: str, inside: Sequence[int]) -> int | None:
        """Give the ns from the fork until a task can be the first; None if it cannot be."""
        option = self.times.graph.tasks[task].options[index]
        links = [
            link
            for link in self.times.graph.inputs[task]
            if link.source == self.fork or link.source in inside
        ]
        return self._longest(
            links,
            resource,
            lambda link: link.source,
            lambda link, other: self._way(link, other, option),
        )

    def _leaving(self, task: int, index: int, resource: str, inside: Sequence[int]) -> int | None:
        """Give the ns from the end of the last task to the join; None if it cannot be the last."""
        graph = self.times.graph
        option = graph.tasks[task].options[index]
        links = [
            link
            for tensor in graph.outputs[task]
            for link in graph.readers[tensor]
            if link.target == self.join or link.target in inside
        ]
        return self._longest(
            links,
            resource,
            lambda link: link.target,
            lambda link, other: self._way(link, option, other),
        )

    def _longest(
        self,
        links: Sequence[Link],
        resource: str,
        end: Callable[[Link], int],
        way: Callable[[Link, Option], int | None],
    ) -> int | None:
        """Give the longest of some edges, each to the best option of its other end elsewhere.

        Elsewhere is where the resource is not used, or where no time is taken.
        """
        graph = self.times.graph
        longest = 0
        for link in links:
            other = end(link)
            outer = other in (self.fork, self.join)
            least: int | None = None
            for index in self.times.placement.option[other]:
                option = graph.tasks[other].options[index]
                here = resource in graph.resources[option.device]
                if here and (outer or option.duration):
                    continue
                taken = way(link, option)
                if taken is not None:
                    taken += 0 if outer else option.duration
                    least = taken if least is None else min(least, taken)
            if least is None and not outer:
                return None
            longest = max(longest, least or 0)
        return longest

    def _way(self, link: Link, maker: Option, reader: Option) -> int | None:
        """Give the ns of export and transfer along an edge; None if it is impossible."""
        graph = self.times.graph
        given, wanted = maker.output_ports[link.output], reader.input_ports[link.input]
        taken = graph.transfer_time(link.tensor, given, wanted)
        if taken is None or given == wanted:
            return taken
        export = graph.exports[link.tensor].get(given)
        return taken + (export.duration if export else 0)
