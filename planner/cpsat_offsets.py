"""Offsets of blocks by CP-SAT: whether they fit, never how small they can be.

In time and offset together blocks are rectangles that do not overlap; where they are not intervals
of time, each section is a line on which they do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from ortools.sat.python import cp_model

from bnnplan.planner.arena_sections import bits

EFFORT = 15.0
"""Deterministic time: about as many seconds."""


def offsets_by_cpsat(
    sizes: Sequence[int], sections: Sequence[int], capacity: int
) -> list[int] | None:
    """Find offsets; parameters as for `find_offsets`.

    Returns
    -------
    list of int or None
        None if none are found; there may be some all the same.
    """
    if any(size > capacity for size in sizes):
        return None
    model = cp_model.CpModel()
    offsets = [model.new_int_var(0, capacity - size, "") for size in sizes]
    heights = [
        model.new_fixed_size_interval_var(offset, size, "")
        for offset, size in zip(offsets, sizes, strict=True)
    ]
    lives = [
        [place for place, section in enumerate(sections) if section >> block & 1]
        for block in range(len(sizes))
    ]
    if all(life[-1] - life[0] == len(life) - 1 for life in lives if life):
        times = [
            model.new_fixed_size_interval_var(life[0] if life else 0, len(life), "")
            for life in lives
        ]
        model.add_no_overlap_2d(times, heights)
    else:
        for section in sections:
            model.add_no_overlap([heights[block] for block in bits(section)])
    solver = cp_model.CpSolver()
    # One worker gives the same offsets every time.
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = EFFORT
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return [solver.value(offset) for offset in offsets]
