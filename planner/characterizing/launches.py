"""What starting and finishing a program takes, by the threads that its layers use."""

from __future__ import annotations

import time

import numpy as np

from bnnplan.backends.interface import Program
from bnnplan.models.errors import BnnplanError
from bnnplan.planner.board import Board
from bnnplan.planner.characterizing.chains import Material, chain_of
from bnnplan.planner.characterizing.measuring import probe_on, trials_of
from bnnplan.planner.characterizing.pace import Pace
from bnnplan.planner.characterizing.probes import probes_of
from bnnplan.planner.characterizing.samples import FEWEST_RUNS, Measurements
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import LaunchCost
from bnnplan.planner.profiling.programs import Programs

MOST, SECONDS = 200, 1.0
"""Runs of a small program: so many at most, and for so long."""


def launches_of(board: Board, found: Measurements) -> list[LaunchCost]:
    """What launches take on every device that can run the small layer and the probe."""
    costs = []
    for device in board.devices:
        try:
            measured = measure_launches(board, device.name, found)
        except BnnplanError:
            continue  # nothing was measured there either
        costs += [LaunchCost(device.name, threads, ns) for threads, ns in measured.items()]
    return costs


def measure_launches(board: Board, device: str, found: Measurements) -> dict[int, int]:
    """Nanoseconds of a launch on a device at its usual pace, by threads, ascending.

    Raises
    ------
    BnnplanError
        If the device cannot run the probe.
    """
    probes = probes_of(board, device)
    bench = Workbench(chain_of([probes.probe, probes.small]), board)
    programs = Programs(Material(bench, 0))
    trials = list(trials_of(bench, device).values())
    if len(trials) < 2:
        return {}
    told, small = trials
    launches = {}
    for threads in sorted({trial.kernel.configuration.threads for trial in small}):
        probe, one = (
            programs.link(device, [(trial.node, trial.kernel)])
            for trial in (probe_on(threads, told), probe_on(threads, small))
        )
        launches[threads] = _launch(one, probe, found.pace(device, threads))
    return launches


def _launch(program: Program, probe: Program, pace: Pace) -> int:
    """What runs of a program take beyond its layers, as the runs after them tell these."""
    taken: list[float] = []
    end = time.monotonic() + SECONDS
    while len(taken) < MOST and (len(taken) < FEWEST_RUNS or time.monotonic() < end):
        (now,) = probe.run_timed()
        pace.add(now)
        program.run()
        start = time.perf_counter_ns()
        program.run()
        whole = time.perf_counter_ns() - start
        taken.append(max(0, whole - sum(program.run_timed())) / max(now, 1))
    return round(float(np.median(taken)) * pace.usual)
