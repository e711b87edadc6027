"""What can no longer win is not measured, and what could is never given up."""

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_up import made_up_profile
from networks import chain

from bnnplan.backends.interface import Configuration
from bnnplan.models.lowering import lower
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.cache import cached_profile, kept_profile
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import LaunchCost, Origin, ProfileError, Time, TransferCost
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.profiling.candidates import Candidate, Choice
from bnnplan.planner.profiling.dominance import (
    Chance,
    Reaches,
    beaten,
    floors,
    least_with,
    whole_bound,
)
from bnnplan.planner.profiling.knowledge import Knowledge
from bnnplan.planner.profiling.oracle import MismatchError, Oracle
from bnnplan.planner.profiling.risk import Doubt, doubt, of_layer, together
from bnnplan.planner.profiling.savings import full_rounds
from bnnplan.planner.profiling.surveying import signatures_of

NETWORK = lower(chain())
NAMES = [node.name for node in NETWORK.nodes]
WAYS = [("a", 1), ("a", 2), ("b", 1)]
"""Device and threads of the placements that every layer has."""
TIMES = st.lists(st.integers(1, 2000), min_size=3, max_size=3)
SLACK = st.tuples(st.floats(0, 0.5), st.floats(0, 0.5))


@pytest.fixture(scope="module")
def sharing(reference_board):
    """Two devices in one space; b is a part of a, so that they never run at the same time."""
    (device,) = reference_board.devices
    return Board(
        "sharing",
        [
            attrs.evolve(device, name="a", threads=2, resources={"core:0", "core:1"}),
            attrs.evolve(device, name="b", resources={"core:0"}),
        ],
    )


@pytest.fixture(scope="module")
def template(sharing):
    return made_up_profile(sharing, NETWORK)


def priced(template, times, launches, move):
    """A profile of given times, by layer in the order of `WAYS`."""
    layers = {}
    for name, mine in zip(NAMES, times, strict=True):
        example = template.layers[name].placements[0]
        layers[name] = attrs.evolve(
            template.layers[name],
            placements=[
                attrs.evolve(
                    example,
                    device=device,
                    configuration=Configuration("Y" if threads > 1 else "", threads),
                    time=Time(ns, ns, ns, ns, 99),
                )
                for (device, threads), ns in zip(WAYS, mine, strict=True)
            ],
        )
    return attrs.evolve(
        template,
        layers=layers,
        launches=[
            LaunchCost(device, threads, ns)
            for (device, threads), ns in zip(WAYS, launches, strict=True)
        ],
        transfers=[
            TransferCost(source, target, float(move), 0.0, 0.0, ())
            for source, target in (("user", "host"), ("host", "user"))
        ],
    )


@given(
    st.lists(TIMES, min_size=len(NAMES), max_size=len(NAMES)),
    st.lists(SLACK, min_size=3 * len(NAMES), max_size=3 * len(NAMES)),
    st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)),
    st.integers(0, 500),
)
# Two threads are faster in every layer, by less than it costs to wake the second one.
@example([[100, 90, 2000]] * len(NAMES), [(0.0, 0.0)] * 3 * len(NAMES), (0, 300, 0), 0)
@settings(max_examples=20, deadline=None)
def test_the_best_plan_is_never_given_up_while_times_are_in_their_intervals(
    template, sharing, times, slack, launches, move
):
    launches = (min(launches[:2]), max(launches[:2]), launches[2])
    profile = priced(template, times, launches, move)
    errors = iter(slack)
    chances = {}
    for name in NAMES:
        chances[name] = [
            Chance(
                *(cost.device, cost.configuration.threads),
                (cost.input_formats, cost.output_formats),
                *(cost.time.median * factor for factor in (1 - below, 1, 1 + above)),
            )
            for cost, (below, above) in zip(profile.layers[name].placements, errors, strict=False)
        ]
    reaches = Reaches(NETWORK, sharing, 1, profile.transfers, profile.launches)
    bound, least = whole_bound(chances, reaches), floors(chances)
    total = sum(least.values())
    layers = {}
    for node in NETWORK.nodes:
        mine = chances[node.name]
        lost = beaten(node, mine, reaches)
        useful = [
            cost
            for cost, chance, better in zip(
                profile.layers[node.name].placements, mine, lost, strict=True
            )
            if better is None and least_with(total - least[node.name], chance, reaches) <= bound
        ]
        assert useful
        layers[node.name] = attrs.evolve(profile.layers[node.name], placements=useful)
    left = attrs.evolve(profile, layers=layers)
    best = find_plan(NETWORK, profile, source="chain")
    assert best.proof.status == "optimal"
    assert find_plan(NETWORK, left, source="chain").predicted_ns == best.predicted_ns


def chance(low, high, device="a", threads=1, formats=((), ())):
    return Chance(device, threads, formats, low, (low + high) / 2, high)


def reaches_of(board, launches=((1, 100), (2, 150)), move=10.0):
    return Reaches(
        NETWORK,
        board,
        1,
        [TransferCost(s, t, move, 0.0, 0.0, ()) for s, t in (("user", "host"), ("host", "user"))],
        [
            *(LaunchCost("a", threads, ns) for threads, ns in launches),
            LaunchCost("b", 1, 70),
        ],
    )


def test_what_an_exchange_can_cost(sharing, two_references):
    node = NETWORK.nodes[0]
    reaches = reaches_of(sharing)
    one, two, other = chance(1, 1), chance(1, 1, threads=2), chance(1, 1, "b")
    # As many threads or fewer: nothing more to wake.
    assert reaches.exchange(node, two, one) == 0
    assert reaches.exchange(node, one, one) == 0
    # A wider team, in every program that there can be.
    assert reaches.exchange(node, one, two) == 50 * len(NAMES)
    # A program there, and another one afterwards.
    assert reaches.exchange(node, one, other) == 70 + 150
    # Device a has cores that b has not: another layer may be there meanwhile.
    assert reaches.exchange(node, other, one) == float("inf")
    assert reaches.exchange(node, one, chance(1, 1, formats=(("x",), ()))) == float("inf")
    # Nothing is known of starting b.
    cold = Reaches(NETWORK, sharing, 1, [], [LaunchCost("a", 1, 1)])
    assert cold.exchange(node, one, other) == float("inf")
    apart = Reaches(NETWORK, two_references, 1, reaches.transfers, reaches.launches)
    assert apart.exchange(node, one, other) == float("inf")


def test_intervals_that_touch_decide_nothing(sharing):
    node, reaches = NETWORK.nodes[0], reaches_of(sharing)
    slow, fast = chance(100, 120), chance(50, 100)
    assert beaten(node, [slow, fast], reaches) == [None, None]
    slower = chance(101, 120)
    assert beaten(node, [slower, fast], reaches) == [fast, None]


def test_doubt_is_a_half_where_nothing_is_known_and_none_where_all_is():
    wide = chance(0, 200)
    even = doubt(wide, wide, 0.0)
    assert even.risk == pytest.approx(0.5)
    assert even.regret > 0
    assert doubt(chance(1000, 1000), chance(10, 10), 0.0) == Doubt(0.0, 0.0)
    assert doubt(chance(10, 10), chance(1000, 1000), 0.0) == Doubt(1.0, 990.0)
    assert doubt(chance(100, 100), None, 60.0) == Doubt(0.0, 0.0)


def test_only_the_side_of_an_interval_counts_that_would_make_the_decision_wrong():
    sure = Chance("a", 1, ((), ()), 90, 100, 110)
    skewed = Chance("a", 1, ((), ()), 190, 200, 90_000)
    assert doubt(skewed, sure, 0.0).risk < 1e-9
    assert doubt(skewed, sure, 0.0) == doubt(attrs.evolve(skewed, high=210), sure, 0.0)
    assert doubt(sure, skewed, -200.0).risk > 0.4


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 500), st.integers(0, 500))
def test_more_reach_means_more_doubt(low, gap, width, reach):
    old, new = chance(low + gap, low + gap + width), chance(low, low + width)
    less, more = doubt(old, new, float(reach)), doubt(old, new, float(reach + 10))
    # Where both are next to nothing, rounding decides.
    assert 0 <= less.risk <= more.risk + 1e-12 <= 1 + 1e-12
    assert 0 <= less.regret <= more.regret + 1e-9
    both = together([(less, 1), (more, 2)])
    assert both.risk == pytest.approx(min(1.0, less.risk + more.risk))
    assert both.regret == pytest.approx(less.regret + 2 * more.regret)


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 10**6)), min_size=1, max_size=20),
    st.integers(1, 500),
)
def test_no_layer_is_expected_to_lose_more_than_it_takes(others, time):
    best = chance(time, time)
    doubts = [
        doubt(chance(time + gap - width, time + gap + width), best, 0.0) for gap, width in others
    ]
    found = of_layer(doubts, time)
    assert found.risk == pytest.approx(min(1.0, sum(one.risk for one in doubts)))
    assert 0 <= found.regret <= found.risk * time
    assert found.regret <= sum(one.regret for one in doubts) + 1e-9
    few = [Doubt(0.01, 0.5)]
    assert of_layer(few, 1000.0) == few[0]


@pytest.fixture(scope="module")
def cpu_board():
    return detect_board(oracles=True).board.only(["cpu0"])


@pytest.fixture(scope="module")
def full(cpu_board):
    return profile_network(NETWORK, cpu_board, options=Options(tolerance=0.5, budget=1.0))


QUICK = Options(tolerance=0.3, budget=2.0, eliminate=True)


def keys(profile):
    return {
        (name, cost.device, cost.configuration): cost
        for name, costs in profile.layers.items()
        for cost in costs.placements
    }


def expecting(full, factor_of, spread=0.1):
    """Predicted costs: those of a profile, times a factor for each layer and placement."""
    layers = {}
    for name, costs in full.layers.items():
        placements = []
        for cost in costs.placements:
            ns = round(1e6 * factor_of(name, cost.configuration))
            time = Time(ns, round(ns * (1 - spread)), round(ns * (1 + spread)), ns, 0)
            placements.append(attrs.evolve(cost, time=time, origin=Origin.PREDICTED))
        layers[name] = attrs.evolve(costs, placements=placements)
    how = attrs.evolve(full.conditions, model="the board model of here")
    return attrs.evolve(full, layers=layers, conditions=how)


def test_without_predictions_everything_is_checked_and_nothing_is_lost(full, cpu_board):
    found = profile_network(NETWORK, cpu_board, options=QUICK)
    assert keys(found).keys() == keys(full).keys()
    assert all(cost.origin is Origin.MEASURED for cost in keys(found).values())
    left_out = found.conditions.elimination
    assert left_out.offered == len(keys(full))
    assert left_out.unchecked == 0
    assert len(NAMES) <= left_out.measured <= left_out.offered
    assert found.conditions.model == ""
    assert full.conditions.elimination is None


def test_what_predictions_rule_out_is_never_run(full, cpu_board, monkeypatch):
    run = []
    check = Oracle.check_and_time

    def noted(self, node, device, kernel):
        run.append((node.name, device, kernel.configuration))
        check(self, node, device, kernel)
        return 10**4

    def recorded(candidate, tolerance):
        return Time(10**4, 9000, 11_000, 11_000, max(1, len(candidate.samples)))

    # A busy machine must not make what is timed look as slow as what was predicted to be.
    monkeypatch.setattr(Oracle, "check_and_time", noted)
    monkeypatch.setattr(Candidate, "time", recorded)
    expected = expecting(full, lambda _, how: 1.0 if how.threads == 1 else 50.0)
    found = profile_network(NETWORK, cpu_board, options=QUICK, expected=expected)
    assert keys(found).keys() == keys(full).keys()
    for key, cost in keys(found).items():
        is_run = key[2].threads == 1
        assert (key in run) is is_run
        assert cost.origin is (Origin.MEASURED if is_run else Origin.PREDICTED)
        assert cost.time.runs > 0 or not is_run
    left_out = found.conditions.elimination
    assert left_out.unchecked == sum(how.threads > 1 for _, _, how in keys(full))
    assert left_out.risk < 1e-6
    assert found.conditions.model == "the board model of here"
    assert found.costs_digest != full.costs_digest


def test_predicted_costs_keep_the_pace_that_the_device_shows(full, cpu_board):
    expected = expecting(full, lambda _, how: 1.0 if how.threads == 1 else 50.0)
    knowledge = Knowledge(NETWORK, cpu_board, signatures_of(NETWORK, 1), expected)
    # All were predicted to take a millisecond, and take a hundredth of that.
    choices = {
        key: Choice(
            key[1],
            [Candidate(how, None, 10**4, [10**4] * 20) for how in mine if how.threads == 1],
            [],
        )
        for key, mine in knowledge.left.items()
    }
    knowledge.take(
        (*key, candidate.configuration)
        for key, choice in choices.items()
        for candidate in choice.candidates
    )
    knowledge.learn(choices)
    lost = [cost for costs in knowledge.unprepared().values() for cost in costs]
    if all(how.threads == 1 for _, _, how in keys(full)):
        assert lost == []
    else:
        assert {cost.time.median for cost in lost} == {50 * 10**4}


def test_what_a_wrong_prediction_left_out_is_prepared_after_all(full, cpu_board, monkeypatch):
    """The configuration that is predicted to be best does not compute what it should."""
    check = Oracle.check_and_time

    def failing(self, node, device, kernel):
        if node.name == "second" and kernel.configuration.threads == 1:
            raise MismatchError("differs from the reference")
        return check(self, node, device, kernel)

    if all(how.threads == 1 for name, _, how in keys(full) if name == "second"):
        pytest.skip("one core: there is only one configuration")
    monkeypatch.setattr(Oracle, "check_and_time", failing)
    expected = expecting(full, lambda _, how: 1.0 if how.threads == 1 else 50.0)
    found = profile_network(NETWORK, cpu_board, options=QUICK, expected=expected)
    costs = found.layers["second"]
    assert any(cost.origin is Origin.MEASURED for cost in costs.placements)
    assert any(reason.reason.startswith("differs") for reason in costs.rejections)

    def broken(self, node, device, kernel):
        raise MismatchError("differs from the reference")

    monkeypatch.setattr(Oracle, "check_and_time", broken)
    with pytest.raises(ProfileError, match="no device can run layer"):
        profile_network(NETWORK, cpu_board, options=QUICK)


def test_a_profile_of_less_does_not_do_for_a_whole_one(cpu_board, tmp_path, monkeypatch):
    monkeypatch.setenv("BNNPLAN_CACHE", str(tmp_path))
    less, was_kept = cached_profile(NETWORK, cpu_board, options=QUICK)
    assert not was_kept
    assert cached_profile(NETWORK, cpu_board, options=QUICK) == (less, True)
    everything = attrs.evolve(QUICK, eliminate=False)
    whole, was_kept = cached_profile(NETWORK, cpu_board, options=everything)
    assert not was_kept
    assert whole.conditions.elimination is None
    assert kept_profile(NETWORK, cpu_board, 1) == whole
    # More than was asked for is enough.
    assert cached_profile(NETWORK, cpu_board, options=QUICK) == (whole, True)


def test_narrow_enough_is_what_the_whole_allows():
    candidate = Candidate(Configuration(), None, 100, samples=[80, 120] * 20)
    assert candidate.waits(0.03)
    candidate.allowance = 20.0
    assert not candidate.waits(0.03)


def test_what_everything_would_take_goes_with_the_square_of_what_is_missing():
    # 40 samples, 40 wide around 100: 6 wide would need (40 / 6)² as many.
    candidate = Candidate(Configuration(), None, 100, samples=[80, 120] * 20)
    choices = {("s", "a"): Choice("a", [candidate], [])}
    seconds = full_rounds({"layer": "s"}, choices, {}, {"a": 0.5}, 0.03)
    time = candidate.time(0.03)
    needed = 40 * ((time.high - time.low) / (0.06 * time.median)) ** 2
    assert seconds == pytest.approx(min(needed, 2000) / 4 * 0.5)


def test_bounds_of_the_whole_are_on_both_sides_of_the_best_plan(template):
    exact = priced(template, [[100, 80, 90]] * len(NAMES), (10, 20, 5), 7)
    chances = {
        name: [
            Chance(
                *(cost.device, cost.configuration.threads),
                (cost.input_formats, cost.output_formats),
                *(cost.time.low, cost.time.median, cost.time.high),
            )
            for cost in costs.placements
        ]
        for name, costs in exact.layers.items()
    }
    reaches = Reaches(NETWORK, template.board, 1, exact.transfers, exact.launches)
    plan = find_plan(NETWORK, exact, source="chain")
    assert whole_bound(chances, reaches) >= plan.predicted_ns
    for name, mine in chances.items():
        chosen = plan.assignment[name]
        taken = next(c for c in mine if (c.device, c.threads) == (chosen[0], chosen[1].threads))
        rest = sum(floors(chances).values()) - floors(chances)[name]
        assert least_with(rest, taken, reaches) <= plan.predicted_ns
