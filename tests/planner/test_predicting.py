"""Costs from a board's model: complete, marked, and filled in where measured ones are missing."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_profile
from made_up_models import ERROR, made_up_model
from networks import chain

from bnnplan.backends.interface import Configuration, MemorySpace
from bnnplan.backends.registry import get_backend
from bnnplan.models.lowering import lower
from bnnplan.models.zoo import ZOO
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.board_model import (
    BoardModelError,
    FamilyModel,
    FittedError,
    TeamModel,
    load_board_model,
    save_board_model,
)
from bnnplan.planner.completing import completed
from bnnplan.planner.descriptors import descriptors, family_of
from bnnplan.planner.planning import find_plan
from bnnplan.planner.predicting import (
    expected_costs,
    predict_profile,
    require_here,
)
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import (
    Conditions,
    LaunchCost,
    LayerCosts,
    Origin,
    PlacementCost,
    Profile,
    ProfileError,
    Rejection,
    Time,
)
from bnnplan.planner.report.origin_text import origin_lines
from bnnplan.planner.report.units import duration
from bnnplan.planner.request import Request
from bnnplan.planner.statistics import upper_bound
from bnnplan.planner.uncertainty import doubt_of, interval_of, origins_text, period_interval

NETWORK = lower(chain())


@pytest.fixture(scope="module")
def cpu_board():
    return detect_board(oracles=True).board.only(["cpu0"])


@pytest.fixture(scope="module")
def model(two_references):
    return made_up_model(NETWORK, two_references)


@pytest.fixture(scope="module")
def measured(two_references):
    return made_up_profile(two_references, NETWORK)


def test_every_layer_is_offered_as_its_device_would_offer_it(cpu_board):
    network = lower(ZOO["hep-cifar"](0, None))
    (device,) = cpu_board.devices
    backend = get_backend("cpu")
    isa = device.properties["isa"]
    variants = {
        configuration.variant
        for node in network.nodes
        for configuration in backend.configurations(network.bind(node), device)
    }
    assert isa in variants
    found = predict_profile(network, made_up_model(network, cpu_board, variants=variants), batch=4)
    found.require(network, 4)
    for node in network.nodes:
        offered = backend.configurations(network.bind(node, 4), device)
        assert [c.configuration for c in found.layers[node.name].placements] == offered
        assert all(c.origin is Origin.PREDICTED for c in found.layers[node.name].placements)


@pytest.fixture(scope="module")
def elsewhere(cpu_board):
    """A board of three cores of another instruction set."""
    (device,) = cpu_board.devices
    other = attrs.evolve(device, properties={"isa": "neon"}, threads=3)
    return Board("elsewhere", [attrs.evolve(other, resources={f"core:{n}" for n in range(3)})])


def test_a_board_of_another_instruction_set_is_offered_that_sets_kernels(cpu_board, elsewhere):
    found = predict_profile(NETWORK, made_up_model(NETWORK, elsewhere, variants=["neon"]))
    configurations = {c.configuration for one in found.layers.values() for c in one.placements}
    assert {c.variant for c in configurations} == {"neon"}
    assert max(c.threads for c in configurations) == 3
    with pytest.raises(BoardModelError, match="not of this machine"):
        require_here(elsewhere)
    require_here(cpu_board)


@given(
    st.dictionaries(st.sampled_from(["layer", "outputs", "threads that meet"]), st.floats(0, 1e6)),
    st.floats(0, 1),
    st.floats(1, 5),
)
@settings(max_examples=30)
def test_times_are_sums_of_terms_within_the_models_errors(two_references, terms, low, high):
    model = made_up_model(NETWORK, two_references)
    families = [
        attrs.evolve(one, nanoseconds=terms, error=FittedError(0.1, 0.1, low, high, 9))
        for one in model.families
    ]
    found = predict_profile(NETWORK, attrs.evolve(model, families=families))
    for node in NETWORK.nodes:
        (first, second) = found.layers[node.name].placements
        bound, device = NETWORK.bind(node), two_references.device("a")
        known = descriptors(bound, device, Configuration())
        wanted = max(1, round(sum(terms.get(name, 0) * value for name, value in known.items())))
        assert (first.device, second.device) == ("a", "b")
        assert first.time.median == second.time.median == wanted
        assert first.time.low <= wanted <= first.time.high
        assert first.time.low == min(wanted, round(wanted * low))
        assert first.time.runs == 0


def test_what_the_model_says_nothing_of_is_rejected_with_a_reason(model):
    lost = family_of(NETWORK.bind(NETWORK.nodes[0]))
    on_one = [one for one in model.families if (one.family, one.device) != (lost, "a")]
    found = predict_profile(NETWORK, attrs.evolve(model, families=on_one))
    costs = found.layers[NETWORK.nodes[0].name]
    assert [cost.device for cost in costs.placements] == ["b"]
    assert costs.rejections[0].device == "a"
    assert lost in costs.rejections[0].reason
    on_none = [one for one in model.families if one.family != lost]
    with pytest.raises(BoardModelError, match=f"nothing predicts layer 'first'.*{lost}"):
        predict_profile(NETWORK, attrs.evolve(model, families=on_none))


def test_wide_errors_are_not_stable(model):
    wide = FittedError(0.4, 0.3, 0.4, 2.0, 12)
    unsure = attrs.evolve(model, families=[attrs.evolve(f, error=wide) for f in model.families])
    times = [
        cost.time.stable
        for one in (model, unsure)
        for cost in predict_profile(NETWORK, one).layers["first"].placements
    ]
    assert times == [True, True, False, False]


def test_a_bound_at_a_confidence_is_within_the_stated_interval():
    time = Time(1000, 900, 1200, 1200, runs=0)
    assert upper_bound(time, 0.975) == pytest.approx(time.high, abs=1)
    assert upper_bound(time, 0.025) == pytest.approx(time.low, abs=1)
    assert upper_bound(time, 0.5) == 1000
    assert 1000 < upper_bound(time, 0.9) < 1200


def kept(profile, left_out):
    """A profile without some (layer, device); a layer that has nothing left goes altogether."""
    layers = {}
    for name, costs in profile.layers.items():
        mine = [cost for cost in costs.placements if (name, cost.device) not in left_out]
        if mine:
            layers[name] = attrs.evolve(costs, placements=mine)
    return attrs.evolve(profile, layers=layers)


PLACES = st.sets(st.tuples(st.sampled_from([n.name for n in NETWORK.nodes]), st.sampled_from("ab")))


@given(PLACES)
def test_what_was_measured_is_kept_and_the_rest_filled_in(model, measured, left_out):
    found = completed(kept(measured, left_out), model, NETWORK)
    found.require(NETWORK, 1)
    for name, costs in measured.layers.items():
        before = {cost.device: cost for cost in costs.placements}
        after = {cost.device: cost for cost in found.layers[name].placements}
        assert before.keys() == after.keys()
        for device, cost in after.items():
            is_filled = (name, device) in left_out
            assert cost.origin is (Origin.PREDICTED if is_filled else Origin.MEASURED)
            assert is_filled or cost == before[device]
    assert bool(found.conditions.model) is bool(left_out)
    assert found.transfers == measured.transfers
    assert found.launches == measured.launches


def test_what_was_rejected_stays_rejected(model, measured):
    (gone,) = [c for c in measured.layers["first"].placements if c.device == "a"]
    part = kept(measured, {("first", "a")})
    layers = dict(part.layers)
    refused = [Rejection("a", gone.configuration.label, "differs from the reference")]
    layers["first"] = attrs.evolve(layers["first"], rejections=refused)
    found = completed(attrs.evolve(part, layers=layers), model, NETWORK)
    assert [cost.device for cost in found.layers["first"].placements] == ["b"]


def test_launches_and_transfers_that_were_not_measured_are_filled_in(model, measured):
    part = attrs.evolve(kept(measured, {("first", "a")}), transfers=[], launches=[])
    found = completed(part, model, NETWORK)
    assert found.transfers == model.transfers
    assert found.launches == model.launches


def test_several_threads_cost_what_the_model_says_of_teams(elsewhere, tmp_path):
    slower = FittedError(mean=0.1, median=0.1, low=0.5, high=1.5, samples=50)
    whole = made_up_model(NETWORK, elsewhere, variants=["neon"])
    families = [
        attrs.evolve(one, team=TeamModel({"layer": 7000.0}, slower)) for one in whole.families
    ]
    path = tmp_path / "model.json"
    save_board_model(attrs.evolve(whole, families=families), path)
    model = load_board_model(path)
    assert list(model.families) == families
    threads = set()
    for costs in predict_profile(NETWORK, model).layers.values():
        for cost in costs.placements:
            threads.add(cost.configuration.threads)
            ns, error = (1000, ERROR) if cost.configuration.threads == 1 else (7000, slower)
            assert cost.time.median == ns
            assert (cost.time.low, cost.time.high) == (ns * error.low, ns * error.high)
    assert threads >= {1, 2}


def test_without_a_model_of_teams_any_number_of_threads_costs_the_same(elsewhere):
    found = predict_profile(NETWORK, made_up_model(NETWORK, elsewhere, variants=["neon"]))
    costs = [cost for one in found.layers.values() for cost in one.placements]
    assert max(cost.configuration.threads for cost in costs) > 1
    assert {cost.time.median for cost in costs} == {1000}


def test_terms_of_teams_are_checked_as_those_of_one_thread_are(two_references):
    model = made_up_model(NETWORK, two_references)
    for terms, fault in (({"layer": -1.0}, "from 0"), ({"old term": 1.0}, "make it again")):
        with pytest.raises(BoardModelError, match=fault):
            attrs.evolve(
                model,
                families=[
                    attrs.evolve(one, team=TeamModel(terms, ERROR)) for one in model.families
                ],
            )


def test_devices_of_the_model_that_are_not_wanted_are_left_out(model, two_references):
    both = expected_costs(NETWORK, two_references, model)
    for name in ("a", "b"):
        one = expected_costs(NETWORK, two_references.only([name]), model)
        assert {cost.device for cost in one.launches} <= {name}
        for layer, costs in one.layers.items():
            placements = [c for c in both.layers[layer].placements if c.device == name]
            assert list(costs.placements) == placements != []


def test_only_a_profile_of_the_same_network_and_devices_is_completed(model, measured):
    with pytest.raises(ProfileError, match="another network"):
        completed(attrs.evolve(measured, network_fingerprint="other"), model, NETWORK)
    moved = [attrs.evolve(d, space=MemorySpace("else", None)) for d in model.board.devices]
    strange = attrs.evolve(model, board=attrs.evolve(model.board, devices=moved))
    with pytest.raises(BoardModelError, match="knows no device of board 'pair'"):
        completed(measured, strange, NETWORK)
    with pytest.raises(BoardModelError, match="knows no device of this board"):
        expected_costs(NETWORK, measured.board, strange)


def test_plans_say_of_each_layer_how_its_cost_is_known(model, measured):
    found = completed(kept(measured, {("second", "a"), ("second", "b")}), model, NETWORK)
    plan = find_plan(NETWORK, found, source="chain")
    origins = {row.name: row.origin for row in plan.layers}
    assert origins.pop("second") is Origin.PREDICTED
    assert set(origins.values()) == {Origin.MEASURED}
    assert plan.predicted.interval[0] < plan.predicted.alone_ns < plan.predicted.interval[1]
    assert "pair" in plan.model
    alone = find_plan(NETWORK, measured, source="chain")
    assert (alone.predicted.interval, alone.model) == (None, "")


def cost(median, low, high, origin=Origin.PREDICTED, device="a"):
    time = Time(median, low, high, high, 0)
    return PlacementCost(device, Configuration(), time, 0, 0, ("f",), ("f",), origin=origin)


def test_errors_of_one_model_add_up_and_those_of_others_as_squares():
    same = {"one": ("Conv", cost(100, 70, 140)), "two": ("Conv", cost(100, 90, 120))}
    assert interval_of(200, same) == (200 - 40, 200 + 60)
    other = {"one": ("Conv", cost(100, 70, 130)), "two": ("Dense", cost(100, 60, 140))}
    assert interval_of(200, other) == (150, 250)
    sure = {"one": ("Conv", cost(100, 70, 130)), "two": ("Conv", cost(9, 9, 9, Origin.MEASURED))}
    assert interval_of(109, sure) == (79, 139)
    assert interval_of(9, {"two": sure["two"]}) is None


def doubted(cost, name="one", kind="Conv"):
    return cost.device, cost.time.median, doubt_of(name, kind, cost, cost.time)


def test_a_period_lies_where_its_busiest_device_does():
    alone = [doubted(cost(100, 70, 140)), doubted(cost(100, 90, 120), "two")]
    # Five nanoseconds are transfers, which are exact.
    assert period_interval(205, alone) == (205 - 40, 205 + 60)
    # The other device limits at the upper end, and at the lower end as well.
    both = [*alone, doubted(cost(190, 185, 400, device="b"), "three")]
    assert period_interval(205, both) == (190, 405)
    sure = [doubted(cost(100, 70, 140, Origin.MEASURED))]
    assert period_interval(105, sure) is None


def test_plans_for_throughput_say_where_their_period_lies(model, measured):
    found = completed(kept(measured, {("second", "a"), ("second", "b")}), model, NETWORK)
    request = Request(objectives=[Measure.PERIOD])
    plan = find_plan(NETWORK, found, request=request, source="chain")
    low, high = plan.predicted.period_interval
    assert low <= plan.predicted.period_ns <= high
    assert low < high
    text = "\n".join(origin_lines(plan))
    assert f"period {duration(low)} to {duration(high)}, by the same rule" in text
    known = find_plan(NETWORK, measured, request=request, source="chain")
    assert known.predicted.period_interval is None
    assert find_plan(NETWORK, found, source="chain").predicted.period_interval is None


def test_origins_are_counted_in_words():
    assert origins_text([Origin.MODELLED, Origin.MEASURED, Origin.MEASURED]) == (
        "2 measured, 1 modelled"
    )


def tiny_profile(board, origin):
    """A profile whose every figure is written here."""
    time = Time(100, 90, 110, 120, 20)
    placed = PlacementCost("a", Configuration(), time, 8, 4, ("f",), ("f",), origin=origin)
    how = Conditions("2026-01-01", "1", "none", 0.0, 1.0, 0.03, True)
    launches = [LaunchCost("a", 1, 50)]
    return Profile("n", "f" * 64, board, 1, {"l": LayerCosts([placed])}, [], launches, how)


def test_the_digest_of_measured_costs_is_what_it_was_before_there_were_others(two_references):
    measured = tiny_profile(two_references, Origin.MEASURED).costs_digest
    # Computed before costs stated an origin.
    assert measured == "dc23bac81c71e69f5f35911de6bcb1c3d46f841b09de3adbcdbbd2a957e91b1c"
    others = {tiny_profile(two_references, one).costs_digest for one in Origin}
    assert len(others) == len(Origin)


def test_a_model_file_reads_back(model, tmp_path):
    save_board_model(model, tmp_path / "model.json")
    assert load_board_model(tmp_path / "model.json") == model


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: attrs.evolve(m, origin=Origin.MEASURED), "predicted or modelled"),
        (lambda m: attrs.evolve(m, launches=[LaunchCost("c", 1, 5)]), "no device 'c'"),
        (
            lambda m: attrs.evolve(
                m, families=[FamilyModel("f", "a", "", {"layer": -1.0}, {}, {}, ERROR)]
            ),
            "coefficient 'layer'",
        ),
        (lambda m: FittedError(0.1, 0.1, 1.2, 0.9, 3), "low up to high"),
    ],
)
def test_models_that_cannot_be_are_refused(model, change, fault):
    with pytest.raises(Exception, match=fault):
        change(model)
