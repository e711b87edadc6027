"""Plans to compare with: one device, one configuration, HEP-BNN's greedy choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

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
    unlimited = encodings[-1]
    alone = [
        _with_elsewhere(_baseline(f"all on {name}", solved), name)
        for name, solved in devices.items()
    ]
    baselines = []
    if feasible:
        best = min(feasible, key=lambda name: feasible[name][1].objective or 0)
        baseline = next(one for one in alone if one.name == f"all on {best}")
        note = "; ".join(filter(None, (best, baseline.note)))
        baselines.append(attrs.evolve(baseline, name=SINGLE_DEVICE, note=note))
    baselines.append(_baseline(GREEDY, (unlimited, greedy.solve(unlimited.problem))))
    baselines += alone
    groups = _best_by_name((e, single.single_groups(e.problem)) for e in encodings)
    ranked = sorted(groups.items(), key=lambda item: _rank(item[1]))
    baselines += [
        _with_elsewhere(_baseline(f"all {name}", solved), *name.split(" ", 1))
        for name, solved in ranked
    ]
    return tuple(baselines)


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


def _baseline(name: str, solved: Solved) -> Baseline:
    encoding, result = solved
    if result.solution is None:
        return Baseline(name, None, note=result.message)
    chosen = encoding.chosen(result.solution.choice)
    placements = {node: (cost.device, cost.configuration) for node, cost in chosen.items()}
    return Baseline(name, result.objective, placements=placements)
