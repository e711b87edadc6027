"""The same models in the hands of solvers as they come: what choosing and tuning is worth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import evolve
from branches import concurrent, parallel
from cases import QUICK_SECONDS, Case, one_by
from instances import assignment
from outcomes import Outcome

from bnnplan.planner.problem import Problem

SECONDS = 30.0
PROBLEMS: dict[str, Callable[[], Problem]] = {
    "residual of 200 × 24 on 4 devices, memory": partial(
        assignment, "residual", 200, 24, 4, 0, room=0.35
    ),
    "8 branches × 20 on 4 devices, links, seed 0": lambda: concurrent(parallel(8, 20), 4, 0),
}
DEFAULTS = "CP-SAT's own portfolio"
WAYS = {
    "residual of 200 × 24 on 4 devices, memory": (DEFAULTS, "gscip", "highs"),
    "8 branches × 20 on 4 devices, links, seed 0": (DEFAULTS,),
}
"""Who else solves each problem: methods, or our CP-SAT model with the parameters of CP-SAT."""


def cases() -> list[Case]:
    return [
        Case("peers", f"{name}: {way}", partial(_peer, name, way))
        for name, ways in WAYS.items()
        for way in ways
    ]


def _peer(name: str, way: str, quick: bool) -> Outcome:
    method = way
    if way == DEFAULTS:
        from bnnplan.planner.solvers.cpsat import engine as cpsat_engine

        plain = cpsat_engine.Portfolio(level=1, added=())
        cpsat_engine.PORTFOLIOS = dict.fromkeys(cpsat_engine.Kind, plain)
        method = "cpsat"
    limit = QUICK_SECONDS if quick else SECONDS
    outcome, _ = one_by(f"{name}: {way}", PROBLEMS[name](), method, limit)
    return evolve(outcome, note="a peer")
