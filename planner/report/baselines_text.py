"""The baselines of a plan as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from bnnplan.backends.interface import Configuration
from bnnplan.planner.board import Board
from bnnplan.planner.cores import cluster_of
from bnnplan.planner.plan import Baseline, Plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.report.origin_text import estimate, estimated, mark, plan_origin
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration, times
from bnnplan.planner.uncertainty import least_known

Placements = Mapping[str, tuple[str, Configuration]]

SHOWN_BASELINES = 6
MEASURED = " measured"


def baseline_parts(plan: Plan, *, verbose: bool) -> Iterator[Rows | str]:
    """The baselines that differ, and a line that names those that are the plan itself."""
    measure = plan.objective
    by_value = measure is not Measure.LATENCY
    # What runs as a pipeline measures its period, and its latency is stages times that.
    is_pipeline = plan.request.is_pipeline
    measured = "measured period" if is_pipeline else "measured"
    title = "plan is better by" if by_value else "plan is faster by"
    rows = Rows(
        *("baseline", "note"),
        *([str(measure)] if by_value else []),
        *("latency" if by_value else "predicted", measured, title),
        left=2,
        optional=(measured,),
    )
    alone = not plan.replicas
    same = [
        b.name
        for b in plan.baselines
        if alone and are_alike(plan.board, b.placements, plan.assignment)
    ]
    shown = _distinct(plan.board, [b for b in plan.baselines if b.name not in same])
    for baseline in shown if verbose else shown[:SHOWN_BASELINES]:
        rows.add_row(
            baseline.name,
            baseline.note,
            *([estimated(measure, baseline.value(measure), baseline.origin)] if by_value else []),
            estimate(
                baseline.value(Measure.LATENCY) if is_pipeline else baseline.predicted_ns,
                baseline.origin,
            ),
            duration(baseline.measured.median if baseline.measured else None),
            gain(plan, baseline),
        )
    if rows.rows:
        yield rows
    if plan.is_run and any(_is_predicted(plan, baseline) for baseline in shown):
        yield 'where the last column does not say "measured", it compares what is predicted'
    if not verbose and len(shown) > SHOWN_BASELINES:
        yield f"({len(shown) - SHOWN_BASELINES} more with --verbose)"
    if same:
        yield f"the plan itself: {', '.join(same)}"


def _distinct(board: Board, baselines: list[Baseline]) -> list[Baseline]:
    """Each placement once; its first baseline names the others."""
    shown: list[Baseline] = []
    for baseline in baselines:
        known = [index for index, other in enumerate(shown) if _are_same(board, other, baseline)]
        if known:
            before = shown[known[0]]
            note = "; ".join(filter(None, (before.note, f"same as {baseline.name!r}")))
            shown[known[0]] = attrs.evolve(before, note=note)
        else:
            shown.append(baseline)
    return shown


def _are_same(board: Board, one: Baseline, other: Baseline) -> bool:
    return are_alike(board, one.placements, other.placements)


def are_alike(board: Board, one: Placements, other: Placements) -> bool:
    """Whether placements are the same, but for which of the equal cores of a cluster they have."""
    if not one or one.keys() != other.keys():
        return False
    pairs = set()
    for layer, (device, configuration) in one.items():
        its, how = other[layer]
        if configuration != how or (device != its and not _are_equal(board, device, its)):
            return False
        pairs.add((device, its))
    # One device for each of the other, and the other way round.
    return len({mine for mine, _ in pairs}) == len({its for _, its in pairs}) == len(pairs)


def _are_equal(board: Board, one: str, other: str) -> bool:
    """Whether two devices are parts of one cluster with as many cores."""
    sizes = [len(board.device(name).resources) for name in (one, other)]
    return cluster_of(one) == cluster_of(other) and sizes[0] == sizes[1]


def _is_predicted(plan: Plan, baseline: Baseline) -> bool:
    """Whether the gain over a baseline is predicted, though the plan itself was run."""
    return baseline.predicted is not None and not gain(plan, baseline).endswith(MEASURED)


def gain(plan: Plan, baseline: Baseline) -> str:
    """How many times better the plan is.

    For the least latency, or the most throughput, by paired runs if both were measured, else by
    what is predicted.
    """
    is_measured = plan.request.is_measurable or plan.request.is_stream
    if is_measured and baseline.ratio is not None:
        return f"{times(baseline.ratio.median)}{MEASURED}"
    mine, other = plan.predicted.value(plan.objective), baseline.value(plan.objective)
    if mine is None or other is None:
        return "–"
    about = mark(least_known((plan_origin(plan), baseline.origin)))
    return about + times(other / max(mine, 1))
