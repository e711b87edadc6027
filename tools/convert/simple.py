"""Problems without data to move: tasks, what each waits for, and where it can run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bnnplan.planner.problem import (
    Device,
    Edge,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
)

HERE = "here"
"""The one memory space and port, from which and to which nothing is moved."""


def precedence_problem(
    name: str,
    tasks: Mapping[str, Sequence[tuple[str, int]]],
    before: Iterable[tuple[str, str]],
    devices: Sequence[Device],
    objective: Measure,
) -> Problem:
    """Make a problem of tasks that only wait for each other.

    Parameters
    ----------
    name : str
    tasks : mapping of str to sequence of (str, int)
        For each task the devices that it can run on, and the nanoseconds it takes there.
    before : iterable of (str, str)
        Pairs of tasks of which the first comes before the second.
    devices : sequence of Device
    objective : Measure
    """
    pairs = list(dict.fromkeys(before))
    inputs: dict[str, list[str]] = {task: [] for task in tasks}
    for first, second in pairs:
        inputs[second].append(first)
    waited_for = {first for first, _ in pairs}
    return Problem(
        name=name,
        tasks=tuple(
            Task(
                task,
                tuple(
                    Option(
                        device,
                        device,
                        duration,
                        (HERE,) * len(inputs[task]),
                        (HERE,) if task in waited_for else (),
                        HERE,
                    )
                    for device, duration in places
                ),
            )
            for task, places in tasks.items()
        ),
        tensors=tuple(
            Tensor(f"end of {task}", task, 0, (TensorSize(HERE, 0),))
            for task in tasks
            if task in waited_for
        ),
        edges=tuple(
            Edge(f"end of {first}", task, index)
            for task, firsts in inputs.items()
            for index, first in enumerate(firsts)
        ),
        devices=tuple(devices),
        spaces=(Space(HERE),),
        ports=(Port(HERE, HERE),),
        objectives=(objective,),
    )
