"""Simple assembly line balancing as problems: the least cycle time of M equal stations (SALBP-2).

Two formats: `.IN2` of A. Scholl ("Data of assembly line balancing problems", 1993): the number of
tasks, the time of each task, and precedence pairs `i,j` until `-1,-1` or the end; and `.alb` of
A. Otto, C. Otto and A. Scholl ("Systematic data generation and test design for solution
algorithms on the example of SALBPGen for assembly line balancing", European Journal of
Operational Research 228, 2013): sections under headings in angle brackets. A cycle time that a
file states is not used: it belongs to SALBP-1.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen
from reading import FileError, read_text
from simple import precedence_problem

from bnnplan.planner.problem import Device, Measure, Problem

Line = tuple[str, str]
"""Where it stands, and its text."""


@frozen
class AssemblyLine:
    """Time of each task, by its number, and pairs of which the first comes before the second."""

    times: dict[int, int]
    before: tuple[tuple[int, int], ...]


def read(path: Path) -> AssemblyLine:
    """Read a file of either format.

    Raises
    ------
    FileError
        One line with file, line and reason.
    """
    lines = [
        (f"{path}, line {number}", line.strip())
        for number, line in enumerate(read_text(path).splitlines(), 1)
        if line.strip()
    ]
    if not lines:
        raise FileError(f"{path}: is empty")
    if lines[0][1].startswith("<"):
        count, times, pairs = _sections(lines, path)
    else:
        count, times, pairs = _in2(lines, path)
    if sorted(times) != list(range(1, count + 1)):
        raise FileError(f"{path}: {len(times)} task times, but there are {count} tasks")
    return AssemblyLine(times, tuple(_pair(line, count) for line in pairs))


def _in2(lines: list[Line], path: Path) -> tuple[int, dict[int, int], list[Line]]:
    (count,) = _numbers(lines[0], 1)
    times = {index: _numbers(line, 1)[0] for index, line in enumerate(lines[1 : count + 1], 1)}
    pairs = lines[count + 1 :]
    for index, (_, text) in enumerate(pairs):
        if text.replace(" ", "") == "-1,-1":
            return count, times, pairs[:index]
    return count, times, pairs


def _sections(lines: list[Line], path: Path) -> tuple[int, dict[int, int], list[Line]]:
    found: dict[str, list[Line]] = {}
    for where, text in lines:
        if text.startswith("<"):
            if text in found:
                raise FileError(f"{where}: a second section {text}")
            found[text] = under = []
        else:
            under.append((where, text))
    for name in ("<number of tasks>", "<task times>", "<precedence relations>"):
        if name not in found:
            raise FileError(f"{path}: no section {name}")
    if len(found["<number of tasks>"]) != 1:
        raise FileError(f"{path}: section <number of tasks> must hold one number")
    (count,) = _numbers(found["<number of tasks>"][0], 1)
    rows = [_numbers(line, 2) for line in found["<task times>"]]
    times = {row[0]: row[1] for row in rows}
    return count, times, found["<precedence relations>"]


def _numbers(line: Line, count: int) -> list[int]:
    where, text = line
    words = re.split(r"[\s,]+", text)
    if len(words) != count or not all(word.isdecimal() for word in words):
        wanted = "a whole number" if count == 1 else f"{count} whole numbers"
        raise FileError(f"{where}: must hold {wanted}, not {text!r}")
    return [int(word) for word in words]


def _pair(line: Line, count: int) -> tuple[int, int]:
    first, second = _numbers(line, 2)
    for task in (first, second):
        if not 1 <= task <= count:
            raise FileError(f"{line[0]}: there is no task {task}")
    return first, second


def problem(name: str, line: AssemblyLine, stations: int, *, ns_per_unit: int = 1) -> Problem:
    """Make the problem; a unit of the file's times becomes `ns_per_unit` nanoseconds."""
    names = [f"station {index}" for index in range(1, stations + 1)]
    return precedence_problem(
        name,
        {
            f"task {task}": [(station, time * ns_per_unit) for station in names]
            for task, time in line.times.items()
        },
        [(f"task {first}", f"task {second}") for first, second in line.before],
        [Device(station, frozenset({station}), contiguous=True) for station in names],
        Measure.PERIOD,
    )
