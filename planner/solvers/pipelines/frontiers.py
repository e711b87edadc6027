"""What partial choices have in common: all that the tasks to come can see of them.

Tasks are chosen in the order of the graph. Of those before, the rest sees only where the tensors
that are still to be read lie, where groups and parts are, and how parts wait for each other: the
frontier. Partial choices with one frontier differ in costs alone.
"""

from __future__ import annotations

from attrs import frozen

from bnnplan.planner.problem import Export, Option, Transfer
from bnnplan.planner.solvers.structure import Graph

Stored = tuple[int, str]
"""A tensor and what of it has a stage: MADE, EXPORTED, or the port of a transfer."""
MADE = ""
EXPORTED = "export of it"


@frozen
class Lying:
    """A tensor that is still to be read.

    Attributes
    ----------
    tensor : int
    device, port : str
        Where it was made.
    moved : tuple of str
        Ports it was transferred to.
    behind : frozenset of str
        Contiguous devices whose parts its maker waits for, if it is in none.
    """

    tensor: int
    device: str
    port: str
    moved: tuple[str, ...] = ()
    behind: frozenset[str] = frozenset()

    def stored(self, graph: Graph) -> list[Stored]:
        """Give what has a stage."""
        exported = self.moved and self.port in graph.exports[self.tensor]
        names = [MADE, *([EXPORTED] if exported else []), *self.moved]
        return [(self.tensor, name) for name in names]


@frozen
class Frontier:
    """What is seen of a partial choice.

    Attributes
    ----------
    lying : tuple of Lying
        By tensor.
    groups : tuple of (int, str)
        Groups that are not complete, and their device.
    waits : frozenset of (str, str)
        Contiguous devices: the part of the second waits for that of the first.
    ended : frozenset of str
        Contiguous devices whose part everything still to come waits for: no task can join it.
    """

    lying: tuple[Lying, ...] = ()
    groups: tuple[tuple[int, str], ...] = ()
    waits: frozenset[tuple[str, str]] = frozenset()
    ended: frozenset[str] = frozenset()


@frozen
class Step:
    """A task by an option, after a frontier.

    Attributes
    ----------
    after : Frontier
    option : Option
    entry : int
        Nanoseconds.
    moves : tuple of (Stored, Transfer)
        New transfers.
    exports : tuple of (Stored, Export)
        New exports.
    switches : int
    """

    after: Frontier
    option: Option
    entry: int
    moves: tuple[tuple[Stored, Transfer], ...]
    exports: tuple[tuple[Stored, Export], ...]
    switches: int


class Steps:
    """The steps of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        place = {task: number for number, task in enumerate(graph.order)}
        self._last = [
            max((place[link.target] for link in links), default=-1) for links in graph.readers
        ]
        self._place = place
        self._groups: dict[int, list[int]] = {}
        for number, group in enumerate(graph.colocated):
            for task in group:
                self._groups.setdefault(task, []).append(number)
        # From here on, every task reads something.
        self._begun = max(place[task] for task in graph.order if not graph.inputs[task])
        self._complete = [max(place[task] for task in group) for group in graph.colocated]

    def take(self, frontier: Frontier, task: int, index: int) -> Step | None:
        """Do a task by its option of that number; None if that is not allowed."""
        graph = self.graph
        option = graph.tasks[task].options[index]
        groups = dict(frontier.groups)
        for group in self._groups.get(task, ()):
            if groups.setdefault(group, option.device) != option.device:
                return None
        lying = {one.tensor: one for one in frontier.lying}
        entry = switches = 0
        moves: list[tuple[Stored, Transfer]] = []
        exports: list[tuple[Stored, Export]] = []
        for link in graph.inputs[task]:
            there = lying[link.tensor]
            if there.device != option.device:
                entry = max(entry, graph.entries.get((there.device, option.device), 0))
            switches += graph.is_switch(there.device, option.device)
            wanted = option.input_ports[link.input]
            if wanted == there.port or wanted in there.moved:
                continue
            move = graph.transfers[link.tensor].get((there.port, wanted))
            if move is None:
                return None
            export = graph.exports[link.tensor].get(there.port)
            if export is not None and not there.moved:
                exports.append(((link.tensor, EXPORTED), export))
            moves.append(((link.tensor, wanted), move))
            lying[link.tensor] = Lying(
                there.tensor,
                there.device,
                there.port,
                tuple(sorted((*there.moved, wanted))),
                there.behind,
            )
        waits = frontier.waits
        behind: frozenset[str] = frozenset()
        if graph.contiguous:
            known = self._waiting(frontier, task, option, lying)
            if known is None:
                return None
            waits, behind = known
        for tensor in graph.outputs[task]:
            lying[tensor] = Lying(
                tensor,
                option.device,
                option.output_ports[graph.tensors[tensor].output],
                behind=behind,
            )
        now = self._place[task]
        left = [lying[tensor] for tensor in sorted(lying) if self._last[tensor] > now]
        ended = frontier.ended
        if graph.contiguous and now >= self._begun:
            left, waits, ended = _without_ended(left, waits, ended)
        open_groups = tuple(
            (group, device)
            for group, device in sorted(groups.items())
            if self._complete[group] > now
        )
        after = Frontier(tuple(left), open_groups, waits, ended)
        return Step(after, option, entry, tuple(moves), tuple(exports), switches)

    def _waiting(
        self, frontier: Frontier, task: int, option: Option, lying: dict[int, Lying]
    ) -> tuple[frozenset[tuple[str, str]], frozenset[str]] | None:
        """Give the new waits, and the parts that a task outside of parts waits for.

        None if parts would wait in a circle.
        """
        graph = self.graph
        waits = frontier.waits
        behind: set[str] = set()
        for link in graph.inputs[task]:
            source = lying[link.tensor]
            if source.device not in graph.contiguous:
                behind |= source.behind
            elif source.device != option.device:
                behind.add(source.device)
        behind |= {first for first, second in waits if second in behind}
        if option.device not in graph.contiguous:
            return waits, frozenset(behind)
        if option.device in behind or option.device in frontier.ended:
            return None
        # Whatever waits for this part waits for what it waits for.
        later = {second for first, second in waits if first == option.device}
        waits |= {(one, other) for one in behind for other in (option.device, *later)}
        return waits, frozenset()


def _without_ended(
    left: list[Lying], waits: frozenset[tuple[str, str]], ended: frozenset[str]
) -> tuple[list[Lying], frozenset[tuple[str, str]], frozenset[str]]:
    """Forget how parts wait that all tasks to come wait for, and that these parts have ended.

    What is forgotten would only tell that no task can join them, so that more partial choices
    have one frontier.
    """
    passed = [
        one.behind
        | {first for first, second in waits if second in one.behind or second == one.device}
        for one in left
    ]
    common = frozenset.intersection(*passed) if passed else frozenset[str]()
    ended |= common
    if not ended:
        return left, waits, ended
    waits = frozenset(pair for pair in waits if ended.isdisjoint(pair))
    left = [Lying(one.tensor, one.device, one.port, one.moved, one.behind - ended) for one in left]
    return left, waits, ended
