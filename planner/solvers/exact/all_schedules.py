"""Every schedule of one choice, for one inference.

A schedule is built forward in time. At each moment either something that is ready starts, or time
goes on to the next end. Starting later than at an end never helps: between ends nothing becomes
ready or free, and what lies in memory only grows, so that whatever fits later would have fitted at
once.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.planner.problem import Measure
from bnnplan.planner.solution import ScheduledExport, ScheduledTransfer, Solution
from bnnplan.planner.solvers.exact.activities import Activities, Part
from bnnplan.planner.solvers.interruption import over
from bnnplan.planner.solvers.structure import Graph


class Search:
    """All schedules of one choice, by depth first search over its activities.

    Those that are not reached at `deadline` (of ``time.perf_counter``) are left out.
    """

    def __init__(self, graph: Graph, choice: Sequence[int], deadline: float) -> None:
        self.deadline = deadline
        self.graph = graph
        self.choice = tuple(choice)
        self.work = Activities(graph, choice)

    def best(self, measure: Measure, most: dict[Measure, int]) -> Solution | None:
        """Give the schedule of the least `measure` whose measures are at most `most`, or None."""
        self.measure = measure
        self.most = dict(most)
        self.found: Solution | None = None
        if self.work.possible and self.work.energy <= self.most.get(
            Measure.ENERGY, self.work.energy
        ):
            self.tails = [self._tail(number) for number in range(len(self.work.all))]
            self.starts: dict[int, int] = {}
            self.ends: dict[int, int] = {}
            self._search(0, 0, self.work.weights)
        return self.found

    def _tail(self, number: int) -> int:
        """Give the time from the start of an activity to the end of all that waits for it."""
        later = [n for n, other in enumerate(self.work.all) if number in other.after]
        return self.work.all[number].duration + max(map(self._tail, later), default=0)

    def _search(self, now: int, first: int, peaks: dict[str, int]) -> None:
        """Go on at time `now`, where only activities from number `first` may start."""
        if over(self.deadline) or (self.found is not None and self.measure is Measure.ENERGY):
            return
        waiting = [n for n in range(len(self.work.all)) if n not in self.starts]
        least = max([now + self.tails[n] for n in waiting] + list(self.ends.values()))
        if least > self.most.get(Measure.LATENCY, least):
            return
        if not waiting:
            self._finish(now, peaks)
            return
        for number in waiting:
            if number >= first and self._can_start(number, now):
                self.starts[number] = now
                self.ends[number] = now + self.work.all[number].duration
                # What takes no time may let anything start at once.
                again = number + 1 if self.work.all[number].duration else 0
                self._search(now, again, peaks)
                del self.starts[number], self.ends[number]
        later = [end for end in self.ends.values() if end > now]
        if later:
            raised = self._raised(now, peaks)
            if self._fits(raised):
                self._search(min(later), 0, raised)

    def _finish(self, now: int, peaks: dict[str, int]) -> None:
        raised = self._raised(now, peaks)
        if not self._fits(raised) or not self._parts_hold():
            return
        latency = max(self.ends[task] for task in range(len(self.work.options)))
        value = {
            Measure.LATENCY: latency,
            Measure.ENERGY: self.work.energy,
            Measure.MEMORY: sum(raised.values()),
        }[self.measure]
        self.found = self._solution(value)
        self.most[self.measure] = value - 1

    def _ended(self, numbers: tuple[int, ...], now: int) -> bool:
        return all(self.ends.get(number, now + 1) <= now for number in numbers)

    def _may_have_ended(self, numbers: frozenset[int], now: int) -> bool:
        """Tell whether `now` may be the end of all: what takes no time may still come."""
        return all(
            self.ends.get(number, now + self.work.all[number].duration) <= now for number in numbers
        )

    def _can_start(self, number: int, now: int) -> bool:
        activity = self.work.all[number]
        if not self._ended(activity.after, now):
            return False
        if not all(
            self._may_have_ended(self.work.parts[one].members, now) for one in activity.parts
        ):
            return False
        for part in self.work.parts.values():
            begun = not part.members.isdisjoint(self.starts)
            if number in part.members:
                if not begun and not self._can_begin(part, now):
                    return False
            elif (
                begun
                and activity.duration
                and activity.resources & part.resources
                and not self._may_have_ended(part.members, now)
            ):
                return False
        return not activity.duration or not any(
            end > now and activity.resources & self.work.all[other].resources
            for other, end in self.ends.items()
        )

    def _can_begin(self, part: Part, now: int) -> bool:
        return self._may_have_ended(part.after, now) and all(
            self._may_have_ended(self.work.parts[one].members, now) for one in part.parts
        )

    def _parts_hold(self) -> bool:
        """Tell whether each part had all it reads, its device alone, and gave when it had ended."""
        spans = {
            device: (
                min(self.starts[number] for number in part.members),
                max(self.ends[number] for number in part.members),
            )
            for device, part in self.work.parts.items()
        }
        if not all(
            spans[device][1] <= self.starts[number]
            for number, activity in enumerate(self.work.all)
            for device in activity.parts
        ):
            return False
        for device, part in self.work.parts.items():
            first, last = spans[device]
            ready = [self.ends[number] for number in part.after]
            ready += [spans[other][1] for other in part.parts]
            if max(ready, default=0) > first:
                return False
            if first < last and any(
                activity.resources & part.resources
                and self.starts[number] < min(last, self.ends[number])
                and first < self.ends[number]
                for number, activity in enumerate(self.work.all)
                if number not in part.members
            ):
                return False
        return True

    def _raised(self, now: int, peaks: dict[str, int]) -> dict[str, int]:
        """Raise the peaks of spaces to what lies in memory right after `now`."""
        held = dict(self.work.weights)
        for block in self.work.blocks:
            if block.maker in self.starts and not self._ended(block.users, now):
                held[block.space] += block.bytes
        return {space: max(peak, held[space]) for space, peak in peaks.items()}

    def _fits(self, peaks: dict[str, int]) -> bool:
        capacity = self.graph.capacity
        return sum(peaks.values()) <= self.most.get(Measure.MEMORY, sum(peaks.values())) and all(
            peak <= capacity.get(space, peak) for space, peak in peaks.items()
        )

    def _solution(self, objective: int) -> Solution:
        starts, ends, tensors = self.starts, self.ends, self.graph.tensors
        tasks = range(len(self.work.options))
        return Solution(
            choice=self.choice,
            starts=tuple(starts[task] for task in tasks),
            ends=tuple(ends[task] for task in tasks),
            transfers=tuple(
                ScheduledTransfer(tensors[t].name, move.source, port, starts[n], ends[n])
                for (t, port), (n, move) in self.work.moves.items()
            ),
            objective=objective,
            exports=tuple(
                ScheduledExport(tensors[t].name, export.port, starts[n], ends[n])
                for t, (n, export) in self.work.exports.items()
            ),
        )
