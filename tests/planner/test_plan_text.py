"""What is printed of a plan: what was asked for, pipelines, batches, baselines."""

import io
from pathlib import Path

import attrs
import pytest

from bnnplan.planner.plan import (
    Agreement,
    BatchResult,
    MeasuredPipeline,
    MemoryUse,
    Predicted,
    Proof,
    Ratio,
)
from bnnplan.planner.plan_file import load_plan
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import Time
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.report.request_text import request_text
from bnnplan.planner.report.terminal import PlainConsole
from bnnplan.planner.report.units import duration
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.base import Proven

FILES = Path(__file__).parents[1] / "data" / "files"
SLOWER = Predicted(900_000, 250_000, period_ns=900_000)


@pytest.fixture
def plan():
    """All on ``b``, in 460 µs as predicted, 468 µs as measured."""
    return load_plan(FILES / "plan-2.json")


def shown(plan):
    stream = io.StringIO()
    print_plan(plan, PlainConsole(file=stream, width=160, highlight=False, markup=False))
    return stream.getvalue()


def asked(plan, **wishes):
    return attrs.evolve(plan, request=Request(**wishes))


def proven(plan, *values):
    """The plan with values and bounds of its objectives."""
    objectives = [
        Proven(measure, value, bound)
        for measure, (value, bound) in zip(plan.request.objectives, values, strict=True)
    ]
    return attrs.evolve(plan, proof=Proof("feasible", objectives, "m", 0.5, "time is up"))


def test_the_least_latency_needs_no_words(plan):
    assert request_text(Request()) == ""
    assert "asked for" not in shown(plan)


def test_every_wish_is_told():
    request = Request(
        objectives=[Measure.PERIOD, Measure.ENERGY],
        limits=[Limit(Measure.LATENCY, 1_200_000), Limit(Measure.ENERGY, 3_000_000)],
        memory={"host": 2**20},
        pins={"one": "a", "two": "a", "three": "b"},
        forbidden=[("four", "a"), ("five", "a")],
        colocated=[("one", "two")],
        switches=2,
        contiguous=True,
        confidence=0.95,
    )
    assert request_text(request) == (
        "asked for: least period, then energy; deadline 1.20 ms; most energy 3.00 mJ; memory of "
        "host up to 1.0 MiB; one, two on a; three on b; four, five not on a; one, two on one "
        "device; at most 2 switches of device; one part a device; layer times at 0.95 confidence"
    )


def test_each_objective_has_its_value_bound_and_gap(plan):
    wanted = asked(plan, objectives=[Measure.ENERGY, Measure.LATENCY])
    text = shown(proven(wanted, (4000, 3000), (459_998, None)))
    assert "feasible: energy 4.00 µJ, bound 3.00 µJ, gap 25 %, m in 500 ms" in text
    assert "then latency 460 µs, bound –, gap –" in text
    assert "time is up" in text


def test_a_deadline_that_is_missed_on_the_board_is_told(plan):
    met = asked(plan, limits=[Limit(Measure.LATENCY, 468_329)])
    assert "misses" not in shown(met)
    missed = asked(plan, limits=[Limit(Measure.LATENCY, 468_328)])
    assert "the measured median misses the deadline of 468 µs" in shown(missed)


def test_a_pipeline_is_told_stage_by_stage(plan):
    stages = [0, 0, 1, 1, 1, 1]
    layers = [
        attrs.evolve(row, stage=stage) for row, stage in zip(plan.layers, stages, strict=True)
    ]
    pipeline = attrs.evolve(
        asked(plan, objectives=[Measure.PERIOD]),
        layers=layers,
        batch=2,
        predicted=Predicted(600_000, 459_998, period_ns=300_000),
    )
    text = shown(proven(pipeline, (300_000, 300_000)))
    assert "pipeline: a batch every 300 µs (6.67 k images/s), latency of each 600 µs" in text
    assert "600 µs (stages × period; longer where slack lets batches wait" in text
    limited = attrs.evolve(pipeline.request, limits=[Limit(Measure.LATENCY, 600_000)])
    text = shown(attrs.evolve(pipeline, request=limited, proof=pipeline.proof))
    assert "600 µs (stages × period)" in text
    first = sum(row.predicted_ns for row in layers[:2]) / 1000
    assert f"stage 0: b (2 layers, first … pool: {first:.0f} µs)" in text
    assert "stage 1: b (4 layers, second … scale: " in text
    assert "predicted only: batches were run one after the other" in text
    header = next(line for line in text.splitlines() if line.startswith("layer"))
    assert header.split() == [
        *("layer", "type", "device", "configuration", "stage", "predicted", "measured")
    ]


def test_baselines_are_compared_by_the_objective(plan):
    wanted = attrs.evolve(
        asked(plan, objectives=[Measure.MEMORY]),
        predicted=Predicted(459_998, 459_998, memory_bytes=1000),
        baselines=[
            attrs.evolve(
                baseline,
                placements={},
                predicted=Predicted(900_000, 900_000, memory_bytes=memory),
            )
            for baseline, memory in zip(plan.baselines, (3000, 500, 1000, None), strict=True)
        ],
    )
    lines = shown(proven(wanted, (1000, 900))).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("baseline"))
    assert lines[start].split()[:5] == [*("baseline", "note", "memory", "latency", "measured")]
    assert lines[start].endswith("plan is better by")
    gains = [line.split()[-1] for line in lines[start + 1 : start + 5]]
    assert gains == ["3.00×", "0.50×", "1.00×", "–"]


def test_gains_over_baselines_that_were_not_run_are_marked_as_predicted(plan):
    told = 'where the last column does not say "measured", it compares what is predicted'
    alike = attrs.evolve(plan.baselines[0], placements={}, measured=None, ratio=None)
    other = attrs.evolve(alike, ratio=Ratio(1.2, 1.1, 1.3))
    assert told in shown(attrs.evolve(plan, baselines=[other, alike]))
    assert told not in shown(attrs.evolve(plan, baselines=[other]))
    assert told not in shown(attrs.evolve(plan, baselines=[alike], measured=None))


def for_throughput(plan, **changes):
    """The plan as one stage that runs every 300 µs, whose costs under load are twice those alone.

    It ran, and so did one device, in 1.50 times its period.
    """
    layers = [
        attrs.evolve(row, stage=0, loaded_ns=2 * row.predicted_ns, measured_ns=None, launch_ns=0)
        for row in plan.layers
    ]
    period = Time(300_000, 300_000, 300_000, 300_000, 10)
    single, *others = (
        attrs.evolve(row, placements={}, measured=None, ratio=None, predicted=SLOWER)
        for row in plan.baselines
    )
    single = attrs.evolve(
        single, measured=attrs.evolve(period, median=450_000), ratio=Ratio(1.5, 1.4, 1.6)
    )
    found = attrs.evolve(
        asked(plan, objectives=[Measure.PERIOD]),
        layers=layers,
        predicted=Predicted(300_000, 200_000, period_ns=300_000),
        baselines=[single, *others],
        measured=None,
        pipeline=MeasuredPipeline(period, 100, 1, 1, 1, []),
    )
    return attrs.evolve(proven(found, (300_000, 300_000)), **changes)


def test_baselines_of_a_pipeline_have_latencies_by_their_period(plan):
    """Alone a batch takes less than the period, which one stage of a stream cannot keep up."""
    text = shown(for_throughput(plan))
    start = text.index("baseline")
    header, single, other = text[start:].splitlines()[:3]
    assert header.endswith("period  latency  measured period  plan is better by")
    assert single.split()[-8:] == ["900", "µs", "900", "µs", "450", "µs", "1.50×", "measured"]
    assert other.split()[-6:] == ["900", "µs", "900", "µs", "–", "3.00×"]
    assert 'does not say "measured", it compares what is predicted' in text


def test_layers_of_a_pipeline_say_what_the_period_is_made_of(plan):
    text = shown(for_throughput(plan))
    header = next(line for line in text.splitlines() if line.startswith("layer"))
    assert header.endswith("stage  predicted  under load  measured")
    alone = sum(row.predicted_ns for row in plan.layers)
    assert f"(6 layers, first … scale: {duration(2 * alone)})" in text
    assert '"predicted" is of one batch alone, as are the sums; "under load" is while' in text
    assert "only whole stages are timed, so no layer has a measured time" in text
    assert "corrected by what stages measured" not in text
    again = Agreement(2, 0.01, 0.05, True)
    assert "corrected by what stages measured" in shown(for_throughput(plan, agreement=again))


def test_a_bound_of_a_confidence_is_not_said_to_agree(plan):
    """What is measured is far below it, as it should be."""
    ended = attrs.evolve(plan, agreement=Agreement(1, 0.0, 0.05, True))
    assert "predicted and measured latency agree within 0 % after 1 round" in shown(ended)
    bound = shown(asked(ended, confidence=0.95))
    assert "agree" not in bound
    assert "measured latency is above the predicted bound by no more than 0 %" in bound


def test_only_what_ran_has_allocated_memory(plan):
    memory = [MemoryUse("host", 1024, 2048, 2048, 1024, 5 * 1024)]
    ran = shown(attrs.evolve(plan, memory=memory))
    assert "in all 4.0 KiB allocated, 5.0 KiB predicted" in ran
    planned = shown(attrs.evolve(plan, memory=memory, measured=None))
    assert "allocated" not in planned
    assert "in all 4.0 KiB planned (not run), 5.0 KiB predicted" in planned
    assert "4.0 KiB allocated" in shown(for_throughput(plan, memory=memory))


def test_batches_are_a_table_with_values_by_image(plan):
    rows = [
        BatchResult(1, "optimal", [Proven(Measure.LATENCY, 459_998, 459_998)]),
        BatchResult(4, "feasible", [Proven(Measure.LATENCY, 2_000_000, 1_900_000)]),
        BatchResult(8, "infeasible", note="no plan exists for 'chain': too large"),
    ]
    text = shown(attrs.evolve(plan, batches=rows))
    cells = [line.split() for line in text.splitlines()]
    assert ["1", "optimal", "chosen", *("460", "µs") * 2, *("468", "µs") * 2] in cells
    assert ["4", "feasible", "2.00", "ms", "500", "µs"] in cells
    assert "no plan exists for 'chain': too large" in text
    assert "by image" not in shown(plan)
    assert "batch 1 was run; what the other batches take is predicted only" in text
    assert "corrected" not in text


def test_batches_that_were_not_run_have_no_measured_latency(plan):
    rows = [BatchResult(n, "optimal", [Proven(Measure.LATENCY, 5, 5)]) for n in (1, 4)]
    text = shown(attrs.evolve(plan, measured=None, batches=rows))
    assert "measured latency" not in text
    assert "was run" not in text


@pytest.mark.parametrize(
    ("corrected", "words"),
    [
        ((True, False, True), "the costs of batches 1, 4 are corrected by running it, those of "
         "batch 2 as profiled"),
        ((True, False, False), "the costs of batch 1 are corrected by running it, those of batches "
         "2, 4 as profiled"),
    ],
)  # fmt: skip
def test_batches_with_costs_of_different_kinds_are_not_compared_silently(plan, corrected, words):
    rows = [
        BatchResult(batch, "optimal", [Proven(Measure.LATENCY, 5, 5)], corrected=is_corrected)
        for batch, is_corrected in zip((1, 2, 4), corrected, strict=True)
    ]
    text = shown(attrs.evolve(plan, batches=rows))
    assert words in text
    assert "chosen, costs corrected" in text
    alike = [attrs.evolve(row, corrected=True) for row in rows]
    assert "as profiled" not in shown(attrs.evolve(plan, batches=alike))
