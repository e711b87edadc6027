"""The best set of streams against all of them, enumerated without any of the planner's code."""

import math
from fractions import Fraction

import attrs
from clusters import cluster, gpu, made_up
from enumerated import Enumerated, line
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import branches

from bnnplan.backends.interface import MemorySpace
from bnnplan.planner.plan import InfeasibleError
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import LaunchCost
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.streams.search import StreamSearch

PERIOD = Request(objectives=[Measure.PERIOD])


@st.composite
def instances(draw, network=None):
    sizes = draw(st.sampled_from([[1], [2], [3], [2, 1], [3, 1], [2, 2], [3, 2]]))
    space = MemorySpace(draw(st.sampled_from(["host", "apart"])))
    devices = [cluster(f"cpu{n}", sum(sizes[:n]), size, space) for n, size in enumerate(sizes)]
    devices += [gpu(space=space)] if draw(st.booleans()) else []
    network = network or line(draw(st.integers(2, 4)))
    times = st.one_of(st.integers(1, 40), st.integers(1, 40), st.none())
    known = {
        (layer, device.name, count): draw(times)
        for layer in range(len(network.nodes))
        for device in devices
        for count in range(1, device.threads + 1)
    }
    # Some device can run everything.
    for layer in range(len(network.nodes)):
        known[layer, "cpu0", 1] = draw(st.integers(1, 40))
    launches = {
        (device.name, count): draw(st.integers(0, 10))
        for device in devices
        for count in range(1, device.threads + 1)
    }
    return network, devices, lambda *where: known[where], launches, draw(st.integers(0, 3))


def searched(network, devices, costs, launches, transfer, request):
    profile = made_up(network, devices, costs, transfer=transfer)
    rows = [LaunchCost(device, count, ns) for (device, count), ns in launches.items()]
    profile = attrs.evolve(profile, launches=rows)
    search = StreamSearch(network, profile, request, SolveOptions())
    return search, search.search(20.0)


@settings(max_examples=12, deadline=None)
@given(instances())
def test_streams_are_the_best_of_all_sets(instance):
    rate, _ = Enumerated(*instance, PERIOD).best()
    _, found = searched(*instance, PERIOD)
    assert found.status is Status.OPTIMAL
    assert found.period == found.bound == math.ceil(1 / rate)
    assert sum(Fraction(1, stream.period) for stream in found.streams) == rate


@settings(max_examples=5, deadline=None)
@given(instances(branches()))
def test_streams_of_a_network_with_branches_are_the_best_of_all_sets(instance):
    network, devices, *rest = instance
    devices = devices[:1] if len(network.nodes) > 5 else devices
    rate, _ = Enumerated(network, devices, *rest, PERIOD).best()
    launches = {key: ns for key, ns in rest[1].items() if key[0] in {d.name for d in devices}}
    _, found = searched(network, devices, rest[0], launches, rest[2], PERIOD)
    assert found.status is Status.OPTIMAL
    assert sum(Fraction(1, stream.period) for stream in found.streams) == rate


@settings(max_examples=5, deadline=None)
@given(
    instances(),
    st.integers(20, 200),
    st.booleans(),
    st.sampled_from([None, "cpu0", "cpu1", "gpu0"]),
)
def test_every_stream_keeps_what_was_asked_for(instance, deadline, contiguous, pinned):
    devices = instance[1]
    known = {device.name for device in devices}
    request = Request(
        objectives=[Measure.PERIOD],
        limits=[Limit(Measure.LATENCY, deadline)],
        contiguous=contiguous,
        pins={"l1": pinned} if pinned in known else {},
    )
    rate, _ = Enumerated(*instance, request).best()
    try:
        _, found = searched(*instance, request)
    except InfeasibleError:
        assert not rate
        return
    if not rate:
        assert found.status is Status.INFEASIBLE
        return
    assert found.status is Status.OPTIMAL
    assert sum(Fraction(1, stream.period) for stream in found.streams) == rate
    assert all(stream.latency <= deadline for stream in found.streams)


def test_small_parts_that_start_for_less_are_offered():
    """No layer has two threads, but a part of two cores starts faster than one core."""
    network = line(3)
    times = {0: (4, None), 1: (28, None), 2: (21, 17)}

    def cost(layer, _, threads):
        return times[layer][0] if threads == 1 else times[layer][1] if threads == 3 else None

    launches = {("cpu0", 1): 8, ("cpu0", 2): 2, ("cpu0", 3): 9}
    instance = network, [cluster("cpu0", 0, 3)], cost, launches, 0
    rate, _ = Enumerated(*instance, PERIOD).best()
    _, found = searched(*instance, PERIOD)
    assert sum(Fraction(1, stream.period) for stream in found.streams) == rate


def test_equal_rates_are_equal_however_they_are_rounded():
    """1 / 26 + 1 / 26 is 1 / 13: one stream as fast as two has the greater latency."""
    network = line(3)
    times = {("cpu0", 0): 1, ("cpu0", 1): 12, ("gpu0", 1): 2, ("cpu0", 2): 4}

    def cost(layer, device, threads):
        return times.get((device, layer)) if threads == 1 else None

    launches = {("cpu0", 1): 9, ("cpu0", 2): 10, ("gpu0", 1): 3}
    request = Request(objectives=[Measure.PERIOD, Measure.LATENCY], contiguous=True)
    instance = network, [cluster("cpu0", 0, 2), gpu()], cost, launches, 0
    _, found = searched(*instance, request)
    assert [(stream.period, stream.latency) for stream in found.streams] == [(26, 26)] * 2


@settings(max_examples=8, deadline=None)
@given(instances())
def test_of_equally_fast_sets_the_next_objective_decides(instance):
    request = Request(objectives=[Measure.PERIOD, Measure.LATENCY])
    rate, latency = Enumerated(*instance, request).best()
    _, found = searched(*instance, request)
    assert found.status is Status.OPTIMAL
    assert sum(Fraction(1, stream.period) for stream in found.streams) == rate
    assert max(stream.latency for stream in found.streams) == latency
