"""Plans to compare with, under the same request: one device, one configuration, heuristics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from bnnplan.planner.board import Board
from bnnplan.planner.choosing import Solved
from bnnplan.planner.encoding import Encoding, widest_teams
from bnnplan.planner.plan import Baseline
from bnnplan.planner.plan_building import predict
from bnnplan.planner.problem import Problem
from bnnplan.planner.solvers import refusal, solve
from bnnplan.planner.solvers.base import SolverError, SolverResult
from bnnplan.planner.solvers.heuristics import single
from bnnplan.planner.solvers.lexicographic import with_objective
from bnnplan.planner.solvers.schedules.solutions import solution_of
from bnnplan.planner.solvers.structure import Graph
from bnnplan.planner.uncertainty import least_known

SINGLE_DEVICE = "best single device"
GREEDY = "per-layer greedy (HEP-BNN)"
HEURISTICS = {
    "greedy": GREEDY,
    "layer-switching": "layer switching",
    "heft": "HEFT",
    "priority": "by priority (OpenVINO HETERO)",
    "pipe-it": "Pipe-it",
}
"""Methods that others plan by, and what they are called here."""
SECONDS = 1.0
"""For each heuristic; they take far less."""


def baselines_of(encodings: Sequence[Encoding], board: Board) -> tuple[Baseline, ...]:
    """All baselines of a network.

    Parameters
    ----------
    encodings : sequence of Encoding
        The same network with several limits on threads; the last one has none. A baseline is the
        best that it can be under any of them. Heuristics choose without a limit; what they have
        chosen is started by the widest teams that it uses.
    board : Board

    Returns
    -------
    tuple of Baseline
        The best single device, the heuristics, then every device alone and every configuration
        alone.
    """
    devices = _best_by_name(_each(encodings, single.single_devices))
    feasible = {name: one for name, one in devices.items() if one.proofs}
    alone = [
        _with_elsewhere(baseline_of(f"all on {name}", solved, board), name)
        for name, solved in devices.items()
    ]
    baselines = []
    if feasible:
        best = min(feasible, key=lambda name: feasible[name].rank)
        baseline = next(one for one in alone if one.name == f"all on {best}")
        note = "; ".join(filter(None, (best, baseline.note)))
        baselines.append(attrs.evolve(baseline, name=SINGLE_DEVICE, note=note))
    baselines += _heuristics(encodings, board)
    baselines += alone
    groups = _best_by_name(_each(encodings, single.single_groups))
    baselines += [
        _with_elsewhere(baseline_of(f"all {name}", solved, board), *name.split(" ", 1))
        for name, solved in sorted(groups.items(), key=lambda item: _order(item[1]))
    ]
    return tuple(baselines)


def _each(
    encodings: Iterable[Encoding], find: Callable[[Problem], dict[str, SolverResult]]
) -> Iterator[tuple[str, Solved]]:
    """What is found for each encoding, by name."""
    for encoding in encodings:
        for name, result in find(encoding.problem).items():
            yield name, Solved(encoding, result)


def _heuristics(encodings: Sequence[Encoding], board: Board) -> list[Baseline]:
    """What the heuristics find that understand the problem, for its first objective."""
    encoding = encodings[-1]
    problem = with_objective(encoding.problem, encoding.problem.objectives[0])
    found = []
    for name, result in by_heuristics(problem):
        if isinstance(result, SolverError):
            found.append(Baseline(name, None, note=str(result)))
            continue
        found.append(baseline_of(name, _with_own_teams(Solved(encoding, result), encodings), board))
    return found


def by_heuristics(problem: Problem) -> Iterator[tuple[str, SolverResult | SolverError]]:
    """What each heuristic that understands a problem finds, by what it is called.

    What a method cannot do costs its baseline, not the plan: then it is why it cannot.
    """
    for method, name in HEURISTICS.items():
        if refusal(method, problem):
            continue
        try:
            yield name, solve(problem, method, time_limit=SECONDS)
        except SolverError as error:
            yield name, error


def _with_own_teams(solved: Solved, encodings: Sequence[Encoding]) -> Solved:
    """The same choice in the same order, with the launches of the widest teams that it uses."""
    solution = solved.result.solution
    if solution is None:
        return solved
    chosen = solved.encoding.chosen(solution.choice)
    used = widest_teams({name: (c.device, c.configuration) for name, c in chosen.items()}).items()
    own = next((one for one in encodings if used <= one.teams.items()), solved.encoding)
    if own is solved.encoding:
        return solved
    graph, choice = Graph(own.problem), own.choice(chosen)
    place = {task: number for number, task in enumerate(graph.order)}
    order = sorted(place, key=lambda task: (solution.starts[task], place[task]))
    # By ranks it may be still better, since launches differ from those it was ordered for.
    tried = [solution_of(graph, choice, order), solution_of(graph, choice)]
    best = min((one for one in tried if one is not None), key=lambda one: one.objective)
    return Solved(own, attrs.evolve(solved.result, solution=best, objective=best.objective))


def _with_elsewhere(baseline: Baseline, device: str, configuration: str = "") -> Baseline:
    """Note how many layers cannot run where the baseline wants all of them."""
    other_device = other_configuration = 0
    for where, how in baseline.placements.values():
        if where != device:
            other_device += 1
        elif configuration and how.label != configuration:
            other_configuration += 1
    counts = (("other configuration", other_configuration), ("other device", other_device))
    noted = [f"{what}: {_layers(count)}" for what, count in counts if count]
    return attrs.evolve(baseline, note="; ".join(noted)) if noted else baseline


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def _best_by_name(results: Iterable[tuple[str, Solved]]) -> dict[str, Solved]:
    best: dict[str, Solved] = {}
    for name, solved in results:
        if name not in best or _order(solved) < _order(best[name]):
            best[name] = solved
    return best


def _order(solved: Solved) -> tuple[bool, tuple[object, ...]]:
    return not solved.proofs, solved.rank


def baseline_of(name: str, solved: Solved, board: Board) -> Baseline:
    """What was found for a problem, stated as a plan to compare with."""
    encoding, result = solved.encoding, solved.result
    if result.solution is None:
        unknown = "not begun: interrupted" if result.interrupted else ""
        return Baseline(name, None, note=result.message or unknown)
    chosen = encoding.chosen(result.solution.choice)
    placements = {node: (cost.device, cost.configuration) for node, cost in chosen.items()}
    predicted = predict(encoding, board, result.solution)
    origin = least_known(cost.origin for cost in chosen.values())
    return Baseline(name, predicted, placements=placements, origin=origin)
