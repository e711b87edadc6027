"""Plans to compare with: one device, one configuration, HEP-BNN's greedy choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bnnplan.planner.encoding import Encoding
from bnnplan.planner.plan import Baseline
from bnnplan.planner.solvers import greedy, single
from bnnplan.planner.solvers.base import SolverResult

SINGLE_DEVICE = "best single device"
GREEDY = "per-layer greedy (HEP-BNN)"

Solved = tuple[Encoding, SolverResult]


def baselines_of(encodings: Sequence[Encoding]) -> tuple[Baseline, ...]:
    """All baselines of a network.

    Parameters
    ----------
    encodings : sequence of Encoding
        The same network with several limits on threads; the last one has none. A baseline is the
        best that it can be under any of them, except the greedy one, which knows no launches.

    Returns
    -------
    tuple of Baseline
        The best single device, greedy, then every device alone and every configuration alone.
    """
    devices = _best_by_name((e, single.single_devices(e.problem)) for e in encodings)
    feasible = {name: s for name, s in devices.items() if s[1].objective is not None}
    baselines = []
    if feasible:
        best = min(feasible, key=lambda name: feasible[name][1].objective or 0)
        note = "; ".join(filter(None, (best, feasible[best][1].message)))
        baselines.append(_baseline(SINGLE_DEVICE, feasible[best], note))
    unlimited = encodings[-1]
    baselines.append(_baseline(GREEDY, (unlimited, greedy.solve(unlimited.problem))))
    baselines += [_baseline(f"all on {name}", solved) for name, solved in devices.items()]
    groups = _best_by_name((e, single.single_groups(e.problem)) for e in encodings)
    ranked = sorted(groups.items(), key=lambda item: _rank(item[1]))
    baselines += [_baseline(f"all {name}", solved) for name, solved in ranked]
    return tuple(baselines)


def _best_by_name(
    solved: Iterable[tuple[Encoding, dict[str, SolverResult]]],
) -> dict[str, Solved]:
    best: dict[str, Solved] = {}
    for encoding, results in solved:
        for name, result in results.items():
            if name not in best or _rank((encoding, result)) < _rank(best[name]):
                best[name] = (encoding, result)
    return best


def _rank(solved: Solved) -> tuple[bool, int]:
    objective = solved[1].objective
    return objective is None, objective or 0


def _baseline(name: str, solved: Solved, note: str = "") -> Baseline:
    encoding, result = solved
    if result.solution is None:
        return Baseline(name, None, note=result.message)
    chosen = encoding.chosen(result.solution.choice)
    placements = {node: (cost.device, cost.configuration) for node, cost in chosen.items()}
    return Baseline(name, result.objective, note=note or result.message, placements=placements)
