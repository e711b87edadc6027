"""The placement part of the CP-SAT models: which option, which transfers, exports and entries.

Costs of an edge depend on the classes of its two ends (device and port), not on the options
themselves. So each edge has a table of pairs of classes, one of them chosen, whose rows and
columns add up to the literals of the classes: its linear relaxation is tight, where one literal
for each unequal pair, or a table of options, leaves wide gaps.

What holds for every placement, whatever the times, is part of it: colocated tasks, the limit on
switches, and the limit on energy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.problem import Export, Measure, Transfer
from bnnplan.planner.solvers.bounds import Kept
from bnnplan.planner.solvers.cpsat.engine import Expression, Values, any_of
from bnnplan.planner.solvers.structure import Graph, Link

Class = tuple[str, str]
"""A device, empty where devices do not matter, and a port."""


class Placement:
    """Variables of a placement and what they cost.

    Attributes
    ----------
    option : list of dict
        For each task, a literal by position of the options that are left.
    pair : list of dict
        For each edge, a literal by the classes of both ends.
    moved : list of dict
        For each tensor, a literal by (source port, target port) of its transfers.
    exported : list of dict
        For each tensor, a literal by port that it is exported from there.
    entry : list
        For each task, the ns of its entry.
    derived : dict
        For the index of every variable that others add, its value by choice (for hints).
    """

    def __init__(
        self, model: cp_model.CpModel, graph: Graph, kept: Kept, *, by_device: bool = False
    ) -> None:
        self.model = model
        self.graph = graph
        self.option = [
            {index: model.new_bool_var(f"option_{task}_{index}") for index in indices}
            for task, indices in enumerate(kept)
        ]
        for literals in self.option:
            model.add_exactly_one(literals.values())
        self._groups: dict[tuple[int, tuple[int, ...]], cp_model.IntVar] = {}
        self.derived: dict[int, Callable[[Sequence[int]], int]] = {}
        self._by_device = by_device or bool(graph.entries) or graph.problem.switches is not None
        self.pair = [self._add_pairs(link) for link in graph.links]
        self.moved = [self._add_transfers(tensor) for tensor in range(len(graph.tensors))]
        self.exported = [self._add_exports(tensor) for tensor in range(len(graph.tensors))]
        self.entry = [self._add_entry(task) for task in range(len(graph.tasks))]
        self._keep_together()
        if graph.problem.switches is not None:
            self._limit(self.switches(), graph.problem.switches)
        energy = graph.problem.limit(Measure.ENERGY)
        if energy is not None:
            self._limit(self.energy(), energy)

    def group(self, task: int, indices: Sequence[int]) -> cp_model.IntVar:
        """Give the literal that one of these options of the task is chosen."""
        key = (task, tuple(indices))
        if key not in self._groups:
            literals = [self.option[task][index] for index in indices]
            self._groups[key] = any_of(self.model, literals, f"group_{task}_{len(self._groups)}")
        return self._groups[key]

    def classes(self, link: Link, *, source: bool) -> dict[Class, cp_model.IntVar]:
        """Give the literals of the classes at one end of an edge."""
        task = link.source if source else link.target
        groups: dict[Class, list[int]] = {}
        for index in self.option[task]:
            option = self.graph.tasks[task].options[index]
            ports, slot = (
                (option.output_ports, link.output) if source else (option.input_ports, link.input)
            )
            device = option.device if self._by_device else ""
            groups.setdefault((device, ports[slot]), []).append(index)
        return {key: self.group(task, indices) for key, indices in groups.items()}

    def produced(self, tensor: int) -> dict[str, cp_model.IntVar]:
        """Give the literals of the ports where a tensor may be produced."""
        source = self.graph.source[tensor]
        slot = self.graph.tensors[tensor].output
        groups: dict[str, list[int]] = {}
        for index in self.option[source]:
            port = self.graph.tasks[source].options[index].output_ports[slot]
            groups.setdefault(port, []).append(index)
        return {port: self.group(source, indices) for port, indices in groups.items()}

    def _add_pairs(self, link: Link) -> dict[tuple[Class, Class], cp_model.IntVar]:
        """Choose one possible pair of classes, whose ends are those of the chosen options."""
        rows = self.classes(link, source=True)
        columns = self.classes(link, source=False)
        pairs: dict[tuple[Class, Class], cp_model.IntVar] = {}
        for row, given in rows.items():
            for column, wanted in columns.items():
                if self.graph.transfer_time(link.tensor, row[1], column[1]) is None:
                    continue
                if len(rows) == 1:
                    pairs[row, column] = wanted
                elif len(columns) == 1:
                    pairs[row, column] = given
                else:
                    name = f"pair_{link.number}_{len(pairs)}"
                    pairs[row, column] = self.model.new_bool_var(name)
        for row, given in rows.items():
            self.model.add(sum(lit for (a, _), lit in pairs.items() if a == row) == given)
        for column, wanted in columns.items():
            self.model.add(sum(lit for (_, b), lit in pairs.items() if b == column) == wanted)
        return pairs

    def _add_transfers(self, tensor: int) -> dict[tuple[str, str], cp_model.IntVar]:
        """A transfer is made if any reader needs it, once for all of them."""
        needed: dict[tuple[str, str], list[list[cp_model.IntVar]]] = {}
        for link in self.graph.readers[tensor]:
            here: dict[tuple[str, str], list[cp_model.IntVar]] = {}
            for ((_, source), (_, target)), literal in self.pair[link.number].items():
                if source != target:
                    here.setdefault((source, target), []).append(literal)
            for key, literals in here.items():
                needed.setdefault(key, []).append(literals)
        moved: dict[tuple[str, str], cp_model.IntVar] = {}
        for key, readers in needed.items():
            name = f"moved_{tensor}_{len(moved)}"
            if len(readers) == 1:
                moved[key] = any_of(self.model, readers[0], name)
            else:
                moved[key] = self.model.new_bool_var(name)
                for literals in readers:
                    self.model.add(sum(literals) <= moved[key])
        return moved

    def _add_exports(self, tensor: int) -> dict[str, cp_model.IntVar]:
        """A tensor is exported from where it is made if any reader is elsewhere."""
        needed: dict[str, list[list[cp_model.IntVar]]] = {}
        for link in self.graph.readers[tensor]:
            here: dict[str, list[cp_model.IntVar]] = {}
            for ((_, source), (_, target)), literal in self.pair[link.number].items():
                if source != target and source in self.graph.exports[tensor]:
                    here.setdefault(source, []).append(literal)
            for port, literals in here.items():
                needed.setdefault(port, []).append(literals)
        exported: dict[str, cp_model.IntVar] = {}
        for port, readers in needed.items():
            name = f"exported_{tensor}_{len(exported)}"
            if len(readers) == 1:
                exported[port] = any_of(self.model, readers[0], name)
            else:
                exported[port] = self.model.new_bool_var(name)
                for literals in readers:
                    self.model.add(sum(literals) <= exported[port])
        return exported

    def _add_entry(self, task: int) -> Expression:
        """The entry of a task is the largest one of its inputs."""
        costs = []
        for link in self.graph.inputs[task]:
            terms = [
                (self.graph.entries[a[0], b[0]], literal)
                for (a, b), literal in self.pair[link.number].items()
                if (a[0], b[0]) in self.graph.entries
            ]
            if terms:
                costs.append((sum(cost * lit for cost, lit in terms), max(c for c, _ in terms)))
        if not costs:
            return 0
        if len(costs) == 1:
            return costs[0][0]
        entry = self.model.new_int_var(0, max(most for _, most in costs), f"entry_{task}")
        for cost, _ in costs:
            self.model.add(entry >= cost)
        return entry

    def move(self, tensor: int, ports: tuple[str, str]) -> Transfer:
        """Give the transfer of a tensor between two ports."""
        return self.graph.transfers[tensor][ports]

    def export(self, tensor: int, port: str) -> Export:
        """Give the export of a tensor from a port."""
        return self.graph.exports[tensor][port]

    def on_device(self, task: int) -> dict[str, cp_model.IntVar]:
        """Give the literals of the devices that a task may run on."""
        devices: dict[str, list[int]] = {}
        for index in self.option[task]:
            devices.setdefault(self.graph.tasks[task].options[index].device, []).append(index)
        return {device: self.group(task, indices) for device, indices in devices.items()}

    def duration(self, task: int) -> Expression:
        """Give the ns of the chosen option, without entry."""
        options = self.graph.tasks[task].options
        return sum(options[index].duration * lit for index, lit in self.option[task].items())

    def total(self) -> Expression:
        """Give the sum of everything: the latency where only one thing is busy at a time."""
        tasks = range(len(self.graph.tasks))
        transfers = sum(
            self.move(tensor, ports).duration * literal
            for tensor, literals in enumerate(self.moved)
            for ports, literal in literals.items()
        )
        exports = sum(
            self.export(tensor, port).duration * literal
            for tensor, literals in enumerate(self.exported)
            for port, literal in literals.items()
        )
        return sum(self.duration(task) + self.entry[task] for task in tasks) + transfers + exports

    def energy(self) -> Expression:
        """Give the nanojoules of everything."""
        options = sum(
            self.graph.tasks[task].options[index].energy * literal
            for task, literals in enumerate(self.option)
            for index, literal in literals.items()
        )
        transfers = sum(
            self.move(tensor, ports).energy * literal
            for tensor, literals in enumerate(self.moved)
            for ports, literal in literals.items()
        )
        exports = sum(
            self.export(tensor, port).energy * literal
            for tensor, literals in enumerate(self.exported)
            for port, literal in literals.items()
        )
        return options + transfers + exports

    def switches(self) -> Expression:
        """Give the number of edges that change device, where that number is limited."""
        return sum(
            literal
            for pairs in self.pair
            for ((source, _), (target, _)), literal in pairs.items()
            if self.graph.is_switch(source, target)
        )

    def _keep_together(self) -> None:
        """Tasks of one group lie on one device."""
        for first, *others in self.graph.colocated:
            wanted = self.on_device(first)
            for task in others:
                given = self.on_device(task)
                for device in dict.fromkeys([*wanted, *given]):
                    self.model.add(wanted.get(device, 0) == given.get(device, 0))

    def _limit(self, sum_: Expression, most: int) -> None:
        # A domain instead of a comparison: the sum may be a plain number.
        self.model.add_linear_expression_in_domain(sum_, cp_model.Domain(0, most))

    def hint(self, hints: dict[int, int], choice: Sequence[int]) -> None:
        """Add the values that a choice gives to every variable of the placement to `hints`."""
        options = [t.options[index] for t, index in zip(self.graph.tasks, choice, strict=True)]
        for task, literals in enumerate(self.option):
            for index, literal in literals.items():
                hints[literal.index] = int(index == choice[task])
        for (task, indices), literal in self._groups.items():
            hints[literal.index] = int(choice[task] in indices)
        chosen: dict[int, set[tuple[str, str]]] = {}
        for link in self.graph.links:
            source, target = options[link.source], options[link.target]
            ports = source.output_ports[link.output], target.input_ports[link.input]
            chosen.setdefault(link.tensor, set()).add(ports)
            devices = (source.device, target.device) if self._by_device else ("", "")
            key = (devices[0], ports[0]), (devices[1], ports[1])
            for pair, literal in self.pair[link.number].items():
                hints[literal.index] = int(pair == key)
        for tensor, moves in enumerate(self.moved):
            for ports, literal in moves.items():
                hints[literal.index] = int(ports in chosen.get(tensor, ()))
        for tensor, exports in enumerate(self.exported):
            left = {given for given, wanted in chosen.get(tensor, ()) if given != wanted}
            for port, literal in exports.items():
                hints[literal.index] = int(port in left)
        for variable, value in self.derived.items():
            hints[variable] = value(choice)
        for task, entry in enumerate(self.entry):
            if isinstance(entry, cp_model.IntVar):
                hints[entry.index] = max(
                    self.graph.entry_time(options[link.source], options[task])
                    for link in self.graph.inputs[task]
                )

    def choice(self, answer: Values) -> list[int]:
        """Read the chosen option of each task."""
        return [
            next(index for index, literal in literals.items() if answer.value(literal))
            for literals in self.option
        ]
