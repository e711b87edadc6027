"""The baselines of a plan as a table."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from bnnplan.planner.plan import Baseline, Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import amount, duration, times

SHOWN_BASELINES = 6
MEASURED = " measured"


def baseline_parts(plan: Plan, *, verbose: bool) -> Iterator[Rows | str]:
    """The baselines that differ, and a line that names those that are the plan itself."""
    measure = plan.objective
    by_value = measure is not Measure.LATENCY
    title = "plan is better by" if by_value else "plan is faster by"
    rows = Rows(
        *("baseline", "note"),
        *([str(measure)] if by_value else []),
        *("latency" if by_value else "predicted", "measured", title),
        left=2,
        optional=("measured",),
    )
    alone = not plan.replicas
    same = [b.name for b in plan.baselines if alone and b.placements == plan.assignment]
    shown = _distinct([b for b in plan.baselines if b.name not in same])
    for baseline in shown if verbose else shown[:SHOWN_BASELINES]:
        rows.add_row(
            baseline.name,
            baseline.note,
            *([amount(measure, baseline.value(measure))] if by_value else []),
            duration(baseline.predicted_ns),
            duration(baseline.measured.median if baseline.measured else None),
            gain(plan, baseline),
        )
    if rows.rows:
        yield rows
    if plan.measured is not None and any(_is_predicted(plan, baseline) for baseline in shown):
        yield 'where the last column does not say "measured", it compares what is predicted'
    if not verbose and len(shown) > SHOWN_BASELINES:
        yield f"({len(shown) - SHOWN_BASELINES} more with --verbose)"
    if same:
        yield f"the plan itself: {', '.join(same)}"


def _distinct(baselines: list[Baseline]) -> list[Baseline]:
    """Each placement once; its first baseline names the others."""
    shown: list[Baseline] = []
    for baseline in baselines:
        known = [index for index, other in enumerate(shown) if _are_same(other, baseline)]
        if known:
            before = shown[known[0]]
            note = "; ".join(filter(None, (before.note, f"same as {baseline.name!r}")))
            shown[known[0]] = attrs.evolve(before, note=note)
        else:
            shown.append(baseline)
    return shown


def _are_same(one: Baseline, other: Baseline) -> bool:
    return bool(one.placements) and one.placements == other.placements


def _is_predicted(plan: Plan, baseline: Baseline) -> bool:
    """Whether the gain over a baseline is predicted, though the plan itself was run."""
    return baseline.predicted is not None and not gain(plan, baseline).endswith(MEASURED)


def gain(plan: Plan, baseline: Baseline) -> str:
    """How many times better the plan is.

    For the least latency by paired runs if both were measured, else by what is predicted.
    """
    if plan.request.is_measurable and baseline.ratio is not None:
        return f"{times(baseline.ratio.median)}{MEASURED}"
    mine, other = plan.predicted.value(plan.objective), baseline.value(plan.objective)
    if mine is None or other is None:
        return "–"
    return times(other / max(mine, 1))
