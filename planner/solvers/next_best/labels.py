"""Which solutions count as different."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnnplan.planner.problem import Option, Problem

Label = tuple[str, str]
"""What counts of an option: its device, and its name where the task takes time."""
Key = tuple[Label, ...]
"""What counts of a choice: a label for each task."""


@frozen
class Labels:
    """What distinguishes solutions.

    Solutions are compared by the devices of all tasks, and by the options of those tasks that take
    time: there are always many ways to do what takes next to none.

    Attributes
    ----------
    long : frozenset of int
        Positions of the tasks that take time.
    """

    long: frozenset[int] = frozenset()

    @classmethod
    def of(cls, problem: Problem, choice: Sequence[int], share: float) -> Labels:
        """Tasks take time that take at least a `share` of the time of all tasks in a choice."""
        options = [task.options[index] for task, index in zip(problem.tasks, choice, strict=True)]
        least = max(1, share * sum(option.duration for option in options))
        return cls(frozenset(t for t, option in enumerate(options) if option.duration >= least))

    def label(self, task: int, option: Option) -> Label:
        """What counts of an option of a task."""
        return option.device, option.name if task in self.long else ""

    def key(self, problem: Problem, choice: Sequence[int]) -> Key:
        """What counts of a choice."""
        pairs = zip(problem.tasks, choice, strict=True)
        return tuple(self.label(n, task.options[index]) for n, (task, index) in enumerate(pairs))


def differences(one: Key, other: Key) -> int:
    """In how many tasks two choices differ."""
    return sum(a != b for a, b in zip(one, other, strict=True))
