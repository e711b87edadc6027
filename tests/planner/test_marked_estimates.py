"""Figures that rest on costs which were not measured are marked wherever they are printed."""

import io
import re

import attrs
import pytest
from clusters import cluster, gpu, made_up
from enumerated import line

from bnnplan.planner.explanation.overview import explain_plan
from bnnplan.planner.explanation.situation import situate
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Origin, Rejection
from bnnplan.planner.report.explanation_text import overview_text
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.report.terminal import PlainConsole
from bnnplan.planner.request import Request
from bnnplan.planner.uncertainty import least_known

NETWORK = line(3)
DEVICES = [cluster("cpu0", 0, 2), gpu()]
PERIOD = Request(objectives=[Measure.PERIOD])
MODEL = "the board model of somewhere"


def costs(origin, devices=("cpu0", "gpu0"), without=()):
    """Costs of some origin on some devices, measured on others; layers that the GPU lacks."""

    def cost(number, device, threads):
        if device == "gpu0":
            return None if number in without else 4_000_000
        return 2_000_000 - 900_000 * (threads - 1)

    profile = made_up(NETWORK, DEVICES, cost, transfer=1000)
    lost = [Rejection("gpu0", None, "no such layers there")]
    layers = {}
    for number, (name, row) in enumerate(profile.layers.items()):
        placements = [
            attrs.evolve(one, origin=origin) if one.device in devices else one
            for one in row.placements
        ]
        rejections = lost if number in without else []
        layers[name] = attrs.evolve(row, placements=placements, rejections=rejections)
    conditions = attrs.evolve(profile.conditions, model=MODEL)
    return attrs.evolve(profile, layers=layers, conditions=conditions)


def planned(profile, request=None):
    return find_plan(NETWORK, profile, request=request, source="here")


def text_of(plan, profile=None):
    stream = io.StringIO()
    console = PlainConsole(file=stream, width=300, highlight=False, markup=False)
    print_plan(plan, console, profile=profile, verbose=True)
    return stream.getvalue()


def baseline_rows(text):
    """The rows of the table of baselines."""
    lines = text.splitlines()
    start = next(i for i, one in enumerate(lines) if one.startswith("baseline "))
    end = next(
        (i for i, one in enumerate(lines) if i > start and not one.endswith("×")), len(lines)
    )
    return lines[start + 1 : end]


@pytest.mark.parametrize("origin", [Origin.PREDICTED, Origin.MODELLED])
def test_all_figures_of_a_latency_are_marked(origin):
    text = text_of(planned(costs(origin)))
    assert re.search(r"optimal: latency ~\d.* ms, bound ~\d.* ms, gap 0 %", text)
    rows = baseline_rows(text)
    assert rows
    for row in rows:
        assert re.search(r"~[\d.]+ ms +– +~[\d.]+×$", row), row


@pytest.mark.parametrize("origin", [Origin.PREDICTED, Origin.MODELLED])
def test_all_figures_of_throughput_are_marked(origin):
    text = text_of(planned(costs(origin), PERIOD))
    (pipeline,) = [one for one in text.splitlines() if one.startswith("pipeline: ")]
    assert re.search(
        r"a batch every ~\d.* ms \(~[\d.]+ images/s\), latency of each .*~\d", pipeline
    )
    for stage in re.findall(r"stage \d+: .*", text):
        assert re.search(r": ~[\d.]+ ms", stage), stage
    assert re.search(r"period ~\d.* ms, bound ~\d", text)
    for row in baseline_rows(text):
        assert re.search(r"~[\d.]+ ms +~[\d.]+ ms +– +~[\d.]+×$", row), row


@pytest.mark.parametrize("request_", [None, PERIOD])
def test_nothing_is_marked_where_all_is_measured(request_):
    text = text_of(planned(costs(Origin.MEASURED), request_))
    assert "~" not in text
    assert "costs of layers" not in text


def test_a_plan_of_measured_layers_says_that_it_is_proven_against_predicted_ones():
    """As after a run, which has corrected the costs of the plan's own layers alone."""
    plan = planned(costs(Origin.PREDICTED, devices=("gpu0",)))
    assert {row.origin for row in plan.layers} == {Origin.MEASURED}
    assert plan.model == MODEL
    assert {b.origin for b in plan.baselines if "gpu0" in b.name} == {Origin.PREDICTED}
    assert plan.baseline("all on cpu0").origin is Origin.MEASURED
    text = text_of(plan)
    assert re.search(r"optimal: latency \d.* ms, bound ~\d", text)
    (said,) = [one for one in text.splitlines() if one.startswith("costs of layers: ")]
    assert said.startswith("costs of layers: 3 measured; of what the plan does without")
    assert said.endswith(MODEL)


def test_a_device_that_lacks_layers_is_not_said_to_run_the_whole_network():
    profile = costs(Origin.PREDICTED, without=(1,))
    first = text_of(planned(profile), profile).splitlines()[0]
    assert "alone there" not in first
    told = r"none on gpu0: it cannot run 1 layer \(no such layers there\); with the others there "
    assert re.search(told + r"the network takes ~[\d.]+ ms$", first)


def test_a_device_that_could_run_all_says_what_that_takes():
    profile = costs(Origin.PREDICTED)
    first = text_of(planned(profile), profile).splitlines()[0]
    assert re.search(r"none on gpu0: the network alone there takes ~12.0 ms$", first)


def test_layers_that_the_request_keeps_elsewhere_are_not_said_to_be_impossible():
    profile = costs(Origin.MEASURED)
    name = NETWORK.nodes[0].name
    plan = planned(profile, Request(forbidden=[(name, "gpu0")]))
    first = text_of(plan, profile).splitlines()[0]
    assert "none on gpu0: with 2 layers there and 1 elsewhere the network takes 9.10 ms" in first


def test_parts_of_clusters_are_not_named_as_devices_without_layers():
    profile = costs(Origin.MEASURED)
    plan = planned(made_up(NETWORK, DEVICES[:1], lambda _, __, threads: 70 - 30 * threads), PERIOD)
    assert "cpu0:0" in {device.name for device in plan.board.devices}
    assert text_of(plan).splitlines()[0].startswith("3 of 3 layers on cpu0")
    for given in (None, profile):
        assert "none on cpu0" not in text_of(plan, given)


@pytest.mark.parametrize("request_", [None, PERIOD])
def test_explanations_are_marked(request_):
    profile = costs(Origin.PREDICTED)
    plan = planned(profile, request_)
    situation = situate(NETWORK, plan, profile)
    found = list(overview_text(explain_plan(situation, time_limit=20.0)))
    lines = [part for part in found if isinstance(part, str)]
    measure = "period" if request_ else "latency"
    (headline,) = [one for one in lines if re.match(rf"{measure} ", one)]
    assert re.match(rf"{measure} ~[\d.]+ ms: ", headline)
    tables = [part for part in found if not isinstance(part, str)]
    shown = "\n".join(one for table in tables for one, _ in table.lines(300))
    assert re.search(r"cpu0.* ~[\d.]+ ms predicted", shown)
    for gained in re.findall(r"\S+ (?:ns|µs|ms) less", shown):
        assert gained.startswith("~")


def test_the_least_known_decides():
    assert least_known([]) is Origin.MEASURED
    assert least_known([Origin.PREDICTED, Origin.MEASURED]) is Origin.PREDICTED
    assert least_known([Origin.PREDICTED, Origin.MODELLED, Origin.MEASURED]) is Origin.MODELLED
