"""Flexible job-shop files as problems: the least time in which all jobs are done.

The first line holds the numbers of jobs and of machines (and, in many files, machines an
operation on average). A line a job follows: the number of its operations, and for each the number
of machines that can do it, each with the machine's number and the time it takes there.
Source of the format: P. Brandimarte, "Routing and scheduling in a flexible job shop by tabu
search", Annals of Operations Research 41, 1993, as the instances are passed on today.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reading import FileError, read_text
from simple import precedence_problem

from bnnplan.planner.problem import Device, Measure, Problem

Operation = dict[int, int]
"""Time by machine."""


def read(path: Path, first_machine: int = 1) -> list[list[Operation]]:
    """The operations of each job, in their order.

    Parameters
    ----------
    path : Path
    first_machine : int
        The number of the first machine: 1, or 0 in some files.

    Raises
    ------
    FileError
        One line with file, line and reason.
    """
    lines = [
        (number, line.split())
        for number, line in enumerate(read_text(path).splitlines(), 1)
        if line.strip()
    ]
    if not lines:
        raise FileError(f"{path}: is empty")
    head, *rest = lines
    where = f"{path}, line {head[0]}"
    numbers = _whole(head[1][:2], where)
    if len(numbers) != 2 or min(numbers) < 1:
        raise FileError(f"{where}: must hold the numbers of jobs and of machines")
    jobs, machines = numbers
    if len(rest) != jobs:
        raise FileError(f"{path}: {len(rest)} lines of jobs follow, but line {head[0]} says {jobs}")
    known = range(first_machine, first_machine + machines)
    return [
        _job(_whole(words, f"{path}, line {number}"), known, f"{path}, line {number}")
        for number, words in rest
    ]


def _whole(words: list[str], where: str) -> list[int]:
    for word in words:
        if not word.isdecimal():
            raise FileError(f"{where}: {word!r} is no whole number of at least 0")
    return [int(word) for word in words]


def _job(numbers: list[int], known: range, where: str) -> list[Operation]:
    operations: list[Operation] = []
    left: Iterator[int] = iter(numbers)
    try:
        for index in range(1, next(left) + 1):
            operation: Operation = {}
            for _ in range(next(left)):
                machine, time = next(left), next(left)
                if machine not in known:
                    raise FileError(
                        f"{where}: operation {index}: machine {machine}, but machines are "
                        f"{known[0]} to {known[-1]}; --first-machine says which is the first"
                    )
                if machine in operation:
                    raise FileError(f"{where}: operation {index}: machine {machine} twice")
                operation[machine] = time
            if not operation:
                raise FileError(f"{where}: operation {index}: no machine can do it")
            operations.append(operation)
    except StopIteration:
        raise FileError(f"{where}: ends within operation {len(operations) + 1}") from None
    if more := list(left):
        raise FileError(f"{where}: {len(more)} numbers too many")
    return operations


def problem(name: str, jobs: list[list[Operation]], *, ns_per_unit: int = 1) -> Problem:
    """Make the problem; a unit of the file's times becomes `ns_per_unit` nanoseconds."""
    numbers = sorted({machine for job in jobs for operation in job for machine in operation})
    tasks = {
        f"job {one} operation {index}": [
            (f"machine {machine}", time * ns_per_unit) for machine, time in operation.items()
        ]
        for one, job in enumerate(jobs, 1)
        for index, operation in enumerate(job, 1)
    }
    before = [
        (f"job {one} operation {index}", f"job {one} operation {index + 1}")
        for one, job in enumerate(jobs, 1)
        for index in range(1, len(job))
    ]
    devices = [
        Device(f"machine {machine}", frozenset({f"machine {machine}"})) for machine in numbers
    ]
    return precedence_problem(name, tasks, before, devices, Measure.LATENCY)
