"""How CP-SAT is run: parameters by kind of model, an end at any time, and a status to trust.

What a portfolio is worth depends on the kind of model, and below 8 workers the default one of
CP-SAT leaves out the search that closes assignment models. So it is never left to the number of
workers. Known faults are guarded against: INFEASIBLE is told only if a second, different method
agrees, and no gap limit is ever set, since it would turn what is within the gap into OPTIMAL.
"""

from __future__ import annotations

import enum
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import evolve, field, frozen
from ortools.sat.python import cp_model

from bnnplan.planner.solvers.base import SolverError, Status
from bnnplan.planner.solvers.interruption import interruptible, is_asked, over

SEEDS = 2**31
"""Seeds that the native solvers tell apart."""

Expression = cp_model.LinearExpr | int
"""A linear expression; a plain number where nothing is variable."""


class Kind(enum.Enum):
    """What decides which search closes a model."""

    ASSIGNMENT = enum.auto()
    SCHEDULE = enum.auto()
    PIPELINE = enum.auto()
    MEMORY = enum.auto()


@frozen
class Portfolio:
    """Parameters of CP-SAT: the linearisation level of one worker, and what more workers add.

    `probing` says whether presolve tries every literal.
    """

    level: int
    added: tuple[str, ...]
    probing: bool = True


# Assignment models of 60 to 200 tasks: proven in seconds with `max_lp` or level 2, gaps of 9 to
# 14 % after 20 s with the defaults. It helped job shops as well. Offsets of buffers have no linear
# relaxation to speak of, so that its cost is wasted there. Probing takes a tenth of half a minute
# for schedules of 160 tasks, and minutes for larger ones, and their LP needs it little.
PORTFOLIOS: Mapping[Kind, Portfolio] = {
    Kind.ASSIGNMENT: Portfolio(2, ("max_lp",)),
    Kind.SCHEDULE: Portfolio(2, ("max_lp",), probing=False),
    Kind.PIPELINE: Portfolio(2, ("max_lp",)),
    Kind.MEMORY: Portfolio(1, ()),
}


@frozen
class Answer:
    """What CP-SAT said: `value` reads a variable of the solution, if there is one."""

    status: Status
    objective: int | None
    bound: int | None
    value: Callable[[cp_model.LinearExprT], int]


class Values(Protocol):
    """Something that reads variables of a solution."""

    @property
    def value(self) -> Callable[[cp_model.LinearExprT], int]: ...


@frozen
class Effort:
    """What a search may use: a deadline of ``time.perf_counter``, threads, and a seed.

    Who searches in several threads sets `stopped` to end them all.
    """

    deadline: float
    workers: int
    seed: int
    stopped: threading.Event = field(factory=threading.Event, eq=False, repr=False)

    @property
    def is_stopped(self) -> bool:
        """Whether the search was interrupted, by Ctrl-C or from another thread."""
        return self.stopped.is_set() or is_asked()

    @property
    def over(self) -> bool:
        """Whether the deadline has passed or the search was interrupted."""
        return self.stopped.is_set() or over(self.deadline)

    @property
    def left(self) -> float:
        """Seconds left, a moment at least, so that presolve can find a plain contradiction."""
        return max(0.05, self.deadline - time.perf_counter())

    def extended(self, seconds: float) -> Effort:
        """Give an effort with at least `seconds` from now."""
        return evolve(self, deadline=max(self.deadline, time.perf_counter() + seconds))


def run(
    model: cp_model.CpModel,
    effort: Effort,
    kind: Kind = Kind.ASSIGNMENT,
    confirm: Callable[[], Status] | None = None,
    watch: Callable[[Values], object] | None = None,
) -> Answer:
    """Solve `model`, until the proof, the deadline or an interruption.

    Parameters
    ----------
    model : CpModel
        With or without an objective.
    effort : Effort
        What may be used; Ctrl-C ends the run with the best so far, and begins no other.
    kind : Kind
        What kind of model it is.
    confirm : callable, optional
        Another method, asked first whether the model really has no solution. If it cannot tell,
        CP-SAT is asked again with other parameters.
    watch : callable, optional
        Is given every solution on the way.
    """
    if effort.is_stopped:
        return Answer(Status.UNKNOWN, None, None, lambda _: 0)
    answer = _run(model, effort, _usual(kind), watch)
    if answer.status is not Status.INFEASIBLE or effort.is_stopped:
        return answer
    if confirm is not None and confirm() is Status.INFEASIBLE:
        return answer
    second = _run(model, effort, _other)
    return answer if second.status is Status.UNKNOWN else second


Prepare = Callable[[cp_model.CpSolver, Effort], None]


def _usual(kind: Kind) -> Prepare:
    def prepare(solver: cp_model.CpSolver, effort: Effort) -> None:
        settings = solver.parameters
        settings.num_workers = effort.workers
        settings.random_seed = effort.seed % SEEDS
        if not PORTFOLIOS[kind].probing:
            settings.cp_model_probing_level = 0
        if effort.workers == 1:
            settings.linearization_level = PORTFOLIOS[kind].level
        else:
            settings.extra_subsolvers.extend(PORTFOLIOS[kind].added)

    return prepare


def _other(solver: cp_model.CpSolver, effort: Effort) -> None:
    """Set what shares least with the usual parameters: most false INFEASIBLE came from presolve."""
    settings = solver.parameters
    settings.num_workers = 1
    settings.random_seed = (effort.seed + 1) % SEEDS
    settings.cp_model_presolve = False
    settings.linearization_level = 1


class _Watcher(cp_model.CpSolverSolutionCallback):
    """Passes solutions on. With several workers an exception inside would abort the process."""

    def __init__(self, watch: Callable[[Values], object]) -> None:
        super().__init__()
        self.watch = watch
        self.failed: Exception | None = None

    def on_solution_callback(self) -> None:
        try:
            self.watch(self)
        except Exception as error:
            self.failed = error
            self.stop_search()


def _run(
    model: cp_model.CpModel,
    effort: Effort,
    prepare: Prepare,
    watch: Callable[[Values], object] | None = None,
) -> Answer:
    solver = cp_model.CpSolver()
    prepare(solver, effort)
    solver.parameters.max_time_in_seconds = effort.left
    # It would take Ctrl-C for itself, and leave the process without a handler afterwards.
    solver.parameters.catch_sigint_signal = False
    watcher = None if watch is None else _Watcher(watch)
    try:
        code = interruptible(
            lambda: solver.solve(model, watcher), solver.stop_search, lambda: effort.is_stopped
        )
    except RuntimeError as error:
        raise SolverError(f"CP-SAT failed: {error}") from error
    if watcher is not None and watcher.failed is not None:
        raise SolverError(
            f"a solution of CP-SAT could not be read: {watcher.failed!r}"
        ) from watcher.failed
    if code == cp_model.MODEL_INVALID:
        raise SolverError(f"CP-SAT refuses the model: {model.validate()}")
    status = {
        cp_model.OPTIMAL: Status.OPTIMAL,
        cp_model.FEASIBLE: Status.FEASIBLE,
        cp_model.INFEASIBLE: Status.INFEASIBLE,
    }.get(code, Status.UNKNOWN)
    solved = status in (Status.OPTIMAL, Status.FEASIBLE)
    return Answer(
        status=status,
        objective=round(solver.objective_value) if solved else None,
        bound=None if status is Status.INFEASIBLE else whole(solver.best_objective_bound),
        value=solver.value,
    )


def whole(bound: float) -> int | None:
    """Round a bound up: objectives are whole numbers, only the float is off by a little."""
    return math.ceil(bound - 1e-6) if math.isfinite(bound) else None


def any_of(
    model: cp_model.CpModel, literals: Sequence[cp_model.IntVar], name: str
) -> cp_model.IntVar:
    """Give a literal that tells whether one of `literals`, at most one of them true, is true."""
    if len(literals) == 1:
        return literals[0]
    literal = model.new_bool_var(name)
    model.add(sum(literals) == literal)
    return literal
