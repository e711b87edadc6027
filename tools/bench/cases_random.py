"""Cases with random problems of the sizes that networks have, and the command line itself."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from functools import partial

from branches import concurrent, parallel
from cases import Aim, Case, one, peak_memory, worst
from instances import assignment, chain, residual
from outcomes import WORKERS, Outcome

from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers import Status, solve

SEEDS = 3
SMALL_SEEDS = 40
PROGRAM = "from bnnplan.planner.cli import main; main()"
CHAINS = "chains of 1000 layers × 64 placements"
SMALL = "throughput of 10 layers on 4 devices"
CACHED = "bnnplan solve, cached profile"


def cases() -> list[Case]:
    made = [Case("chain", CHAINS, _chains)]
    made += [
        Case("memory", f"{shape} of 200 × 24 on 4 devices, memory", partial(_memory, shape))
        for shape in ("residual", "inception", "braided")
    ]
    made += [
        Case(
            "schedule",
            f"8 branches × 20 on 4 devices, {links}, seed {seed}",
            partial(_schedule, links, seed),
        )
        for links in ("links", "bus")
        for seed in range(2)
    ]
    made += [
        Case("small", f"{SMALL}, {rules}", partial(_small, rules))
        for rules in ("free", "contiguous")
    ]
    made.append(Case("program", CACHED, _program))
    return made


def _chains(quick: bool) -> Outcome:
    found = []
    for seed in range(1 if quick else SEEDS):
        made = assignment("chain", 1000, 64, 4, seed)
        found.append(one(CHAINS, made, Aim(1.0), quick=False)[0])
    return worst(CHAINS, found)


def _memory(shape: str, quick: bool) -> Outcome:
    name = f"{shape} of 200 × 24 on 4 devices, memory"
    found = []
    for activations in (False,) if quick else (False, True):
        made = assignment(shape, 200, 24, 4, 0, room=0.35, activations=activations)
        found.append(one(name, made, Aim(30.0, gap=0.01), quick=quick)[0])
    return worst(name, found)


def _schedule(links: str, seed: int, quick: bool) -> Outcome:
    made = concurrent(parallel(8, 20), 4, seed, bus=links == "bus")
    name = f"8 branches × 20 on 4 devices, {links}, seed {seed}"
    return one(name, made, Aim(30.0, gap=0.03), quick=quick)[0]


def _small(rules: str, quick: bool) -> Outcome:
    """Many problems, after a first one that loads the solver: the slowest counts."""
    name = f"{SMALL}, {rules}"
    shapes = (chain, residual)
    problems = [
        concurrent(
            shapes[seed % 2](10, None),  # type: ignore[arg-type]
            4,
            seed,
            objective=Measure.PERIOD,
            contiguous=rules == "contiguous",
        )
        for seed in range(1 + (5 if quick else SMALL_SEEDS))
    ]
    # Importing ortools belongs to the start of the process, whichever method is chosen.
    solve(problems[-1], "cpsat", time_limit=10.0, workers=WORKERS)
    taken = []
    proven = True
    for made in problems[:-1]:
        began = time.perf_counter()
        result = solve(made, time_limit=10.0, workers=WORKERS)
        taken.append(time.perf_counter() - began)
        proven &= result.status is Status.OPTIMAL
    slowest = max(taken)
    return Outcome(
        name,
        f"each of {len(taken)} proven optimal within 50 ms",
        1e3 * statistics.median(taken),
        None,
        "ms",
        slowest,
        proven and slowest < 0.05,
        limit=0.05,
        note="the value is the median time, seconds are the slowest",
        memory=peak_memory(),
    )


def _program(quick: bool) -> Outcome:
    """Processes of the command line, whole, on the default network with a profile at hand."""

    def start(*words: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, check=True)
        return time.perf_counter() - began

    start("profile")
    taken = [start("solve", "--no-run") for _ in range(3 if quick else 10)]
    measured = start("solve")
    median = statistics.median(taken)
    return Outcome(
        CACHED,
        "less than 1.5 s, start of the process included",
        median,
        None,
        "s",
        median,
        median < 1.5,
        limit=1.5,
        note=f"--no-run; with the plan and all baselines measured as well {measured:.2f} s",
        memory=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    )
