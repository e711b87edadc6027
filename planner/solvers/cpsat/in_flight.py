"""The memory of a pipeline in CP-SAT: weights, what devices hold, and copies in flight."""

from __future__ import annotations

from collections.abc import Iterable

from ortools.sat.python import cp_model

from bnnplan.planner.problem_sums import most_bytes
from bnnplan.planner.solvers.cpsat.engine import Expression
from bnnplan.planner.solvers.cpsat.memory import weights
from bnnplan.planner.solvers.cpsat.placement import Placement
from bnnplan.planner.solvers.cpsat.stages import Literal, Stages
from bnnplan.planner.solvers.structure import Link


class InFlight:
    """The most bytes that each space holds in the steady state.

    Parameters
    ----------
    placement, stages
        The stages must be exact.
    spaces : iterable of str
        The spaces that matter.

    Attributes
    ----------
    held : dict of str to expression
        Bytes by space; at least the true number, which is always possible.
    """

    def __init__(self, placement: Placement, stages: Stages, spaces: Iterable[str]) -> None:
        self.placement = placement
        self.stages = stages
        self.model = placement.model
        self.graph = placement.graph
        self.place = {task: number for number, task in enumerate(self.graph.order)}
        self.held: dict[str, Expression] = {space: weights(placement, space) for space in spaces}
        # By device and space: bytes that may be held from one place to another.
        self._spans: dict[tuple[str, str], list[tuple[int, int, Expression]]] = {}
        for task in range(len(self.graph.tasks)):
            self._add_workspace(task)
        for tensor in range(len(self.graph.tensors)):
            self._add_made(tensor)
            for target in dict.fromkeys(b for _, b in placement.moved[tensor]):
                self._add_moved(tensor, target)
        for (device, space), spans in self._spans.items():
            most = self.model.new_int_var(
                0, most_bytes(self.graph.problem), f"most_{device}_{space}"
            )
            for number in {first for first, _, _ in spans}:
                self.model.add(most >= sum(held for a, b, held in spans if a <= number <= b))
            self.held[space] += most

    def _add_workspace(self, task: int) -> None:
        by_place: dict[tuple[str, str], list[Expression]] = {}
        for index, literal in self.placement.option[task].items():
            option = self.graph.tasks[task].options[index]
            if option.workspace_bytes and option.space in self.held:
                held = by_place.setdefault((option.device, option.space), [])
                held.append(option.workspace_bytes * literal)
        for key, terms in by_place.items():
            number = self.place[task]
            self._spans.setdefault(key, []).append((number, number, sum(terms)))

    def _add_made(self, tensor: int) -> None:
        """Hold a tensor where it is made: inside its device, or as often as it is in flight."""
        made = {
            port: literal
            for port, literal in self.placement.produced(tensor).items()
            if self._size(tensor, port)
        }
        if not made:
            return
        maker = self.graph.source[tensor]
        users: list[tuple[cp_model.IntVar, Literal | None]] = [
            (self.stages.stage[link.target], self._directly(link))
            for link in self.graph.readers[tensor]
        ]
        for (_, target), literal in self.placement.moved[tensor].items():
            users.append((self.stages.stage[tensor, target], literal))
        last = self._last(self.stages.stage[maker], users, f"made_{tensor}")
        inside = self._inside(tensor, last)
        for port, literal in made.items():
            self._count(
                self._size(tensor, port),
                self.graph.space[port],
                last - self.stages.stage[maker] + 1,
                [literal, *[~one for one in inside]],
                f"made_{tensor}_{port}",
            )

    def _inside(self, tensor: int, last: cp_model.IntVar) -> list[Literal]:
        """Add a literal for each device: the tensor is made and read there, in one stage."""
        maker = self.graph.source[tensor]
        readers = [link.target for link in self.graph.readers[tensor]]
        end = max((self.place[task] for task in readers), default=self.place[maker])
        groups: dict[tuple[str, str], list[int]] = {}
        slot = self.graph.tensors[tensor].output
        for index in self.placement.option[maker]:
            option = self.graph.tasks[maker].options[index]
            if self._size(tensor, option.output_ports[slot]):
                groups.setdefault((option.device, option.output_ports[slot]), []).append(index)
        found = []
        for (device, port), indices in groups.items():
            on = [self.placement.on_device(task) for task in readers]
            if not all(device in one for one in on):
                continue
            literal = self.model.new_bool_var(f"inside_{tensor}_{device}_{port}")
            self.model.add_implication(literal, self.placement.group(maker, indices))
            for one in on:
                self.model.add_implication(literal, one[device])
            for moved in self.placement.moved[tensor].values():
                self.model.add_implication(literal, ~moved)
            stay = self.model.add(last == self.stages.stage[maker])
            stay.only_enforce_if(literal)
            self._spans.setdefault((device, self.graph.space[port]), []).append(
                (self.place[maker], end, self._size(tensor, port) * literal)
            )
            found.append(literal)
        return found

    def _add_moved(self, tensor: int, target: str) -> None:
        """Hold what is transferred as often as it is in flight at its target."""
        if not self._size(tensor, target):
            return
        given = [literal for (_, b), literal in self.placement.moved[tensor].items() if b == target]
        there = self.stages.any_of(given, f"there_{tensor}_{target}")
        users = [
            (self.stages.stage[link.target], literal)
            for link, literal in self.stages.reads[tensor, target]
        ]
        stage = self.stages.stage[tensor, target]
        last = self._last(stage, users, f"moved_{tensor}_{target}")
        self._count(
            self._size(tensor, target),
            self.graph.space[target],
            last - stage + 1,
            [there],
            f"moved_{tensor}_{target}",
        )

    def _last(
        self,
        first: cp_model.IntVar,
        users: Iterable[tuple[cp_model.IntVar, Literal | None]],
        name: str,
    ) -> cp_model.IntVar:
        """Give a stage not before that of the users that there are."""
        last = self.model.new_int_var(0, self.stages.most, f"last_{name}")
        self.model.add(last >= first)
        for stage, literal in users:
            if literal is not None:
                self.model.add(last >= stage).only_enforce_if(literal)
        return last

    def _directly(self, link: Link) -> Literal | None:
        """Tell whether an edge reads a tensor where it was made."""
        literals = [
            literal
            for ((_, a), (_, b)), literal in self.placement.pair[link.number].items()
            if a == b
        ]
        return self.stages.any_of(literals, f"direct_{link.number}") if literals else None

    def _count(
        self, size: int, space: str, copies: Expression, given: list[cp_model.LiteralT], name: str
    ) -> None:
        """Add `size` bytes for each copy, if all literals of `given` are true."""
        count = self.model.new_int_var(0, self.stages.most + 1, f"copies_{name}")
        self.model.add(count >= copies).only_enforce_if(given)
        self.held[space] += size * count

    def _size(self, tensor: int, port: str) -> int:
        """Give the bytes of a tensor at a port, 0 where they do not matter."""
        return self.graph.bytes[tensor][port] if self.graph.space[port] in self.held else 0
