"""From a request to the problem: options, costs, capacities and limits."""

from statistics import NormalDist

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import chain, with_threads

from bnnplan.planner.encoding import encode_problem
from bnnplan.planner.plan import InfeasibleError
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import LaunchCost, Rejection, Time
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.request import Request, RequestError
from bnnplan.planner.solving import encodings_of
from bnnplan.planner.statistics import upper_bound


@pytest.fixture(scope="module")
def profile(two_references):
    return profile_network(chain(), two_references, options=Options(tolerance=0.5, budget=1.0))


def with_power(profile, **watts):
    devices = [attrs.evolve(d, power_watts=watts.get(d.name)) for d in profile.board.devices]
    return attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))


def devices_of(encoding, layer):
    return {cost.device for cost in encoding.placements[layer]}


def options_of(encoding, layer):
    return next(task.options for task in encoding.problem.tasks if task.name == layer)


def test_pins_and_forbidden_devices_take_options_away(profile):
    request = Request(pins={"first": "b"}, forbidden=[("pool", "a")])
    encoding = encode_problem(chain(), profile, request)
    assert devices_of(encoding, "first") == {"b"}
    assert devices_of(encoding, "pool") == {"b"}
    assert devices_of(encoding, "second") == {"a", "b"}
    assert {option.device for option in options_of(encoding, "first")} == {"b"}


def test_a_layer_that_is_left_without_options_says_who_took_them(profile):
    everywhere = Request(forbidden=[("first", "a"), ("first", "b")])
    with pytest.raises(InfeasibleError, match="'first' is forbidden on 'a', 'b', and no other"):
        encode_problem(chain(), profile, everywhere)


def only_on(profile, layer, device):
    costs = profile.layers[layer]
    others = [c for c in costs.placements if c.device == device]
    rejections = [Rejection("a", "", "no such kernel")]
    layers = {
        **profile.layers,
        layer: attrs.evolve(costs, placements=others, rejections=rejections),
    }
    return attrs.evolve(profile, layers=layers)


def test_a_pin_to_a_device_that_cannot_run_the_layer_says_why(profile):
    words = r"'first' is pinned to 'a', which cannot run it \(no such kernel\); 'b' can"
    with pytest.raises(InfeasibleError, match=words):
        encode_problem(chain(), only_on(profile, "first", "b"), Request(pins={"first": "a"}))


def test_a_layer_that_no_device_can_run_is_named(profile):
    words = "no device of board 'pair' can run layer 'first': a: no such kernel"
    with pytest.raises(InfeasibleError, match=words):
        encode_problem(chain(), only_on(profile, "first", "nowhere"))


def test_wishes_are_stated_in_the_problem(profile):
    request = Request(
        objectives=[Measure.MEMORY, Measure.LATENCY],
        limits=[Limit(Measure.LATENCY, 10**9)],
        memory={"far": 10**6},
        colocated=[("pool", "second")],
        switches=2,
        contiguous=True,
    )
    problem = encode_problem(chain(), profile, request).problem
    assert problem.objectives == (Measure.MEMORY, Measure.LATENCY)
    assert problem.limits == (Limit(Measure.LATENCY, 10**9),)
    assert problem.colocated == (("pool", "second"),)
    assert problem.switches == 2
    assert {d.name for d in problem.devices if d.contiguous} == {"a", "b"}
    assert {s.name: s.capacity for s in problem.spaces}["far"] == 10**6


def test_energy_is_power_times_duration(profile):
    request = Request(objectives=[Measure.ENERGY])
    encoding = encode_problem(chain(), with_power(profile, a=2.0, b=0.5), request)
    for option in options_of(encoding, "second"):
        assert option.energy == round({"a": 2.0, "b": 0.5}[option.device] * option.duration)


@pytest.mark.parametrize(
    "request_",
    [Request(objectives=[Measure.ENERGY]), Request(limits=[Limit(Measure.ENERGY, 10)])],
    ids=["objective", "limit"],
)
def test_energy_without_power_says_how_to_state_it(profile, request_):
    with pytest.raises(RequestError, match=r"power of 'b', so.*--power b=5, or in.*power_watts"):
        encode_problem(chain(), with_power(profile, a=2.0), request_)
    # A device that no layer may use needs none.
    off_b = attrs.evolve(request_, forbidden=[(node.name, "b") for node in chain().nodes])
    encode_problem(chain(), with_power(profile, a=2.0), off_b)
    # Power that nobody asked for changes no plan.
    assert options_of(encode_problem(chain(), profile), "first")[0].energy == 0


def test_confidence_plans_with_bounds(profile):
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                attrs.evolve(c, time=Time(1000, 900, 1300, 2000, 50)) for c in costs.placements
            ],
        )
        for name, costs in profile.layers.items()
    }
    steady = attrs.evolve(profile, layers=layers)
    encoding = encode_problem(chain(), steady, Request(confidence=0.975))
    assert {option.duration for option in options_of(encoding, "pool")} == {1300}
    encoding = encode_problem(chain(), steady)
    assert {option.duration for option in options_of(encoding, "pool")} == {1000}


TIMES = st.tuples(*[st.integers(0, 10**6)] * 3).map(sorted)


@given(TIMES, st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_bounds_rise_with_the_confidence(times, one, other):
    low, median, high = times
    time = Time(median, low, high, high, 50)
    lesser, greater = sorted((one, other))
    assert upper_bound(time, lesser) <= upper_bound(time, greater)
    assert upper_bound(time, 0.5) == median


@given(TIMES)
def test_the_bound_of_a_one_sided_interval_is_the_end_of_the_two_sided_one(times):
    low, median, high = times
    time = Time(median, low, high, high, 50)
    level = NormalDist().cdf(1.96)
    assert abs(upper_bound(time, level) - high) <= 1
    assert abs(upper_bound(time, 1 - level) - low) <= 1


def test_launches_make_one_problem_a_limit_on_threads(profile):
    wide = with_threads(profile)
    assert len(encodings_of(chain(), wide)) == 4
    assert len(encodings_of(chain(), wide, Request(objectives=[Measure.PERIOD]))) == 4
    deadline = Request(objectives=[Measure.MEMORY], limits=[Limit(Measure.LATENCY, 10**9)])
    assert len(encodings_of(chain(), wide, deadline)) == 4


def test_launches_are_those_of_the_teams_that_are_offered(profile):
    """The one layer with two threads on b is pinned to a: nothing can start two threads on b."""
    wide = with_threads(profile)
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                cost
                for cost in costs.placements
                if name == "first" or cost.device == "a" or cost.configuration.threads == 1
            ],
        )
        for name, costs in wide.layers.items()
    }
    launches = [LaunchCost(name, count, 100 * count) for name in "ab" for count in (1, 2)]
    wide = attrs.evolve(wide, layers=layers, launches=launches)
    free, pinned = (
        encodings_of(chain(), wide, request)[-1]
        for request in (Request(), Request(pins={"first": "a"}))
    )
    assert (free.teams, pinned.teams) == ({"a": 2, "b": 2}, {"a": 2, "b": 1})
    assert {one.duration for one in free.problem.entries if one.target == "b"} == {200}
    assert {one.duration for one in pinned.problem.entries if one.target == "b"} == {100}


def test_without_launches_one_problem_is_enough(profile):
    wide = with_threads(profile)
    assert len(encodings_of(chain(), wide, Request(objectives=[Measure.MEMORY]))) == 1
    nowhere = Request(pins={node.name: "a" for node in chain().nodes})
    assert len(encodings_of(chain(), wide, nowhere)) == 2
