"""List schedules of choice and order in microseconds, for searches that try hundreds of thousands.

What `evaluation.schedule` does is done here on nested lists of numbers, from where an order differs
from the one before. Contiguous devices are not known here.
"""

from __future__ import annotations

from attrs import frozen

from bnnplan.planner.problem import Option
from bnnplan.planner.solvers.structure import Graph, Link

MARK = 8
"""Places in the order between two states that are kept."""

Step = tuple[int, int, tuple[int, ...]]
"""An export or transfer: its number, ns, and the resources meanwhile."""
Way = tuple[tuple[Step, ...], int]
"""How an input is read: after what, in this order, and the entry that it costs."""


_Run = tuple[list[int], list[int], list[tuple[list[int], list[int], int]], list[tuple[int, int]]]
"""Ends, what waits for what, the state at every mark, and what was moved, in its order."""


@frozen
class Tables:
    """A problem as nested lists, which is what makes a schedule take microseconds.

    Attributes
    ----------
    inputs : list
        For each task and input: the maker, and by options of both ends the way, None where there
        is none.
    durations : list of list of int
    resources : list of list of tuple of int
        For each task and option.
    count : int
        Of resources.
    """

    inputs: list[list[tuple[int, list[list[Way | None]]]]]
    durations: list[list[int]]
    resources: list[list[tuple[int, ...]]]
    count: int


def tables_of(graph: Graph) -> Tables:
    """Write a problem as tables."""
    numbers: dict[str, int] = {}
    moves: dict[tuple[int, str], int] = {}

    def resources(names: frozenset[str]) -> tuple[int, ...]:
        return tuple(numbers.setdefault(name, len(numbers)) for name in sorted(names))

    def steps(tensor: int, given: str, wanted: str) -> tuple[Step, ...] | None:
        if given == wanted:
            return ()
        move = graph.transfers[tensor].get((given, wanted))
        if move is None:
            return None
        number = moves.setdefault((tensor, wanted), len(moves))
        last = number, move.duration, resources(move.resources)
        export = graph.exports[tensor].get(given)
        if export is None:
            return (last,)
        number = moves.setdefault((tensor, ""), len(moves))
        return (number, export.duration, resources(export.resources)), last

    def way(link: Link, maker: Option, option: Option) -> Way | None:
        found = steps(link.tensor, maker.output_ports[link.output], option.input_ports[link.input])
        return None if found is None else (found, graph.entry_time(maker, option))

    inputs = [
        [
            (
                link.source,
                [
                    [way(link, maker, option) for option in graph.tasks[link.target].options]
                    for maker in graph.tasks[link.source].options
                ],
            )
            for link in links
        ]
        for links in graph.inputs
    ]
    return Tables(
        inputs=inputs,
        durations=[[option.duration for option in task.options] for task in graph.tasks],
        resources=[
            [resources(graph.resources[option.device]) for option in task.options]
            for task in graph.tasks
        ],
        count=len(numbers),
    )


class Orders:
    """Schedules of one order after the other, each computed from where it differs on.

    Attributes
    ----------
    ends, waits : list of int
        Of the schedule kept: for each task its end, and the task it waits for, -1 for none.
    """

    def __init__(self, tables: Tables, order: list[int], choice: list[int]) -> None:
        self.tables = tables
        self.ends = [0] * len(order)
        self.waits = [-1] * len(order)
        self.marks: list[tuple[list[int], list[int], int]] = [
            ([0] * tables.count, [-1] * tables.count, 0)
        ]
        self.made: list[tuple[int, int]] = []
        self.tried = self._run(order, choice, 0)
        self.keep()

    def latency(self, order: list[int], choice: list[int], first: int) -> int | None:
        """Give the latency of an order that differs from `first` on; None if impossible."""
        self.tried = self._run(order, choice, first)
        return None if self.tried is None else max(self.tried[0])

    def keep(self) -> None:
        """Take over the schedule that was computed last."""
        assert self.tried is not None
        self.ends, self.waits, self.marks, self.made = self.tried

    def _run(self, order: list[int], choice: list[int], first: int) -> _Run | None:
        mark = first // MARK
        at = mark * MARK
        marks = self.marks[: mark + 1]
        free, user, count = marks[mark]
        free, user = free[:], user[:]
        made = self.made[:count]
        done = dict(made)
        ends, waits = self.ends[:], self.waits[:]
        inputs, durations, resources = (
            self.tables.inputs, self.tables.durations, self.tables.resources,
        )  # fmt: skip
        for place in range(at, len(order)):
            if place % MARK == 0 and place > at:
                marks.append((free[:], user[:], len(made)))
            task = order[place]
            index = choice[task]
            ready = span = 0
            cause = -1
            for maker, table in inputs[task]:
                way = table[choice[maker]][index]
                if way is None:
                    return None
                steps, entry = way
                there = ends[maker]
                for number, duration, busy in steps:
                    if number in done:
                        there = done[number]
                        continue
                    if duration:
                        for one in busy:
                            if free[one] > there:
                                there = free[one]
                        there += duration
                        for one in busy:
                            free[one] = there
                            user[one] = maker
                    done[number] = there
                    made.append((number, there))
                if there > ready:
                    ready, cause = there, maker
                if entry > span:
                    span = entry
            span += durations[task][index]
            if span:
                busy = resources[task][index]
                for one in busy:
                    if free[one] > ready:
                        ready, cause = free[one], user[one]
                ready += span
                for one in busy:
                    free[one] = ready
                    user[one] = task
            ends[task] = ready
            waits[task] = cause
        return ends, waits, marks, made
