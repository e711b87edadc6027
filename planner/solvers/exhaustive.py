"""Every choice and every schedule of a small problem: the oracle of the other methods.

A schedule is built forward in time. At each moment either something that is ready starts, or time
goes on to the next end. Starting later than at an end never helps: between ends, what lies in
memory only grows, so that whatever fits later would have fitted at once.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence

from attrs import frozen

from bnnplan.planner.problem import Problem
from bnnplan.planner.solution import ScheduledTransfer, Solution
from bnnplan.planner.solvers.base import SolverError, SolverResult, Status, verified
from bnnplan.planner.solvers.features import Feature
from bnnplan.planner.solvers.structure import Graph

METHOD = "exhaustive"
SUPPORTS: frozenset[Feature] = frozenset()

MOST_CHOICES = 20_000
MOST_ACTIVITIES = 24


def solve(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    workers: int = 1,
    seed: int = 0,
    hint: Sequence[int] | None = None,
) -> SolverResult:
    """Try everything; parameters and result as for every `Solver`.

    Raises
    ------
    SolverError
        If the problem is too large for that.
    """
    started = time.perf_counter()
    choices = math.prod(len(task.options) for task in problem.tasks)
    activities = len(problem.tasks) + len(problem.edges)
    if choices > MOST_CHOICES or activities > MOST_ACTIVITIES:
        raise SolverError(
            f"method {METHOD!r} is for small problems: at most {MOST_CHOICES} choices and "
            f"{MOST_ACTIVITIES} tasks and edges, not about 10^{math.log10(choices):.0f} and "
            f"{activities}; use 'cpsat'"
        )
    graph = Graph(problem)
    best: Solution | None = None
    complete = True
    for choice in itertools.product(*(range(len(task.options)) for task in problem.tasks)):
        if time.perf_counter() - started > time_limit:
            complete = False
            break
        best = _best_schedule(graph, choice, best)
    if best is None:
        status = Status.INFEASIBLE if complete else Status.UNKNOWN
    else:
        status = Status.OPTIMAL if complete else Status.FEASIBLE
    objective = best.objective if best else None
    result = SolverResult(
        status=status,
        solution=best,
        objective=objective,
        bound=objective if complete else None,
        runtime_s=time.perf_counter() - started,
        method=METHOD,
        message="no choice and order keeps all limits" if status is Status.INFEASIBLE else "",
    )
    return verified(problem, result)


@frozen
class _Activity:
    """A task, or a transfer of a tensor, of one choice."""

    duration: int
    resources: frozenset[str]
    after: tuple[int, ...]


@frozen
class _Block:
    """Bytes that lie in a space from the start of `maker` until all of `users` have ended."""

    space: str
    bytes: int
    maker: int
    users: tuple[int, ...]


def _best_schedule(graph: Graph, choice: Sequence[int], best: Solution | None) -> Solution | None:
    """Give the best schedule of `choice` if it is better than `best`, else `best`."""
    search = _Search(graph, choice)
    if not search.possible:
        return best
    found = search.run(best.objective if best else None)
    if found is None:
        return best
    starts, ends = found
    tasks = range(len(graph.tasks))
    return Solution(
        choice=tuple(choice),
        starts=tuple(starts[task] for task in tasks),
        ends=tuple(ends[task] for task in tasks),
        transfers=tuple(
            ScheduledTransfer(graph.tensors[tensor].name, source, target, starts[n], ends[n])
            for (tensor, target), (n, source) in search.moves.items()
        ),
        objective=max(ends[task] for task in tasks),
    )


class _Search:
    """All schedules of one choice, by depth first search over its activities."""

    def __init__(self, graph: Graph, choice: Sequence[int]) -> None:
        self.graph = graph
        self.options = [t.options[index] for t, index in zip(graph.tasks, choice, strict=True)]
        self.moves: dict[tuple[int, str], tuple[int, str]] = {}
        self.possible = True
        self.activities = [_Activity(0, frozenset(), ())] * len(graph.tasks)
        for task in graph.order:
            self._add_task(task)
        self.tails = [self._tail(number) for number in range(len(self.activities))]
        self.blocks = list(self._blocks())
        self.room = dict(graph.capacity)
        for option in self.options:
            if option.space in self.room:
                self.room[option.space] -= option.weight_bytes
        self.possible &= min(self.room.values(), default=0) >= 0

    def _add_task(self, task: int) -> None:
        option = self.options[task]
        after = []
        entry = 0
        for link in self.graph.inputs[task]:
            source = self.options[link.source]
            entry = max(entry, self.graph.entry_time(source, option))
            given, wanted = source.output_ports[link.output], option.input_ports[link.input]
            after.append(link.source)
            if given == wanted:
                continue
            move = self.graph.transfers[link.tensor].get((given, wanted))
            if move is None:
                self.possible = False
                continue
            number, _ = self.moves.setdefault((link.tensor, wanted), (len(self.activities), given))
            if number == len(self.activities):
                waits = (link.source,)
                self.activities.append(_Activity(move.duration, move.resources, waits))
            after.append(number)
        resources = self.graph.resources[option.device]
        self.activities[task] = _Activity(option.duration + entry, resources, tuple(after))

    def _tail(self, number: int) -> int:
        """Give the time from the start of an activity to the end of all that waits for it."""
        later = [n for n, other in enumerate(self.activities) if number in other.after]
        return self.activities[number].duration + max(map(self._tail, later), default=0)

    def _blocks(self) -> Iterator[_Block]:
        graph = self.graph
        for task, option in enumerate(self.options):
            yield _Block(option.space, option.workspace_bytes, task, (task,))
        for tensor, source in enumerate(graph.source):
            given = self.options[source].output_ports[graph.tensors[tensor].output]
            readers: dict[str, list[int]] = {}
            for link in graph.readers[tensor]:
                wanted = self.options[link.target].input_ports[link.input]
                readers.setdefault(wanted, []).append(link.target)
            users = [source, *readers.pop(given, [])]
            for port, targets in readers.items():
                if (tensor, port) in self.moves:
                    maker = self.moves[tensor, port][0]
                    users.append(maker)
                    size = graph.bytes[tensor][port]
                    yield _Block(graph.space[port], size, maker, (maker, *targets))
            size = graph.bytes[tensor][given]
            yield _Block(graph.space[given], size, source, tuple(users))

    def run(self, limit: int | None) -> tuple[list[int], list[int]] | None:
        """Give starts and ends of the best schedule below `limit`; None if there is none."""
        self.limit = limit
        self.best: tuple[list[int], list[int]] | None = None
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self._search(0, 0)
        return self.best

    def _search(self, now: int, first: int) -> None:
        """Go on at time `now`, where only activities from number `first` may start."""
        waiting = [n for n in range(len(self.activities)) if n not in self.starts]
        least = max([now + self.tails[n] for n in waiting] + list(self.ends.values()))
        if self.limit is not None and least >= self.limit:
            return
        if not waiting:
            if self._fits(now):
                self.limit = least
                numbers = range(len(self.activities))
                self.best = [self.starts[n] for n in numbers], [self.ends[n] for n in numbers]
            return
        for number in waiting:
            if number >= first and self._can_start(number, now):
                self.starts[number] = now
                self.ends[number] = now + self.activities[number].duration
                # What takes no time may let anything start at once.
                self._search(now, number + 1 if self.activities[number].duration else 0)
                del self.starts[number], self.ends[number]
        later = [end for end in self.ends.values() if end > now]
        if later and self._fits(now):
            self._search(min(later), 0)

    def _can_start(self, number: int, now: int) -> bool:
        activity = self.activities[number]
        if any(self.ends.get(one, now + 1) > now for one in activity.after):
            return False
        return not activity.duration or not any(
            end > now and activity.resources & self.activities[other].resources
            for other, end in self.ends.items()
        )

    def _fits(self, now: int) -> bool:
        """Tell whether what lies in memory right after `now` fits."""
        left = dict(self.room)
        for block in self.blocks:
            needed = any(self.ends.get(user, now + 1) > now for user in block.users)
            if needed and block.space in left and block.maker in self.starts:
                left[block.space] -= block.bytes
        return min(left.values(), default=0) >= 0
