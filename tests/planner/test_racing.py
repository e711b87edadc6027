"""How few samples elimination takes, and that no single moment decides: with made-up times."""

import random
import statistics
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import chain

from bnnplan.backends.interface import Configuration
from bnnplan.models.lowering import lower
from bnnplan.planner.board import detect_board
from bnnplan.planner.profile import TransferCost
from bnnplan.planner.profiling import Options, profile_network, profiler
from bnnplan.planner.profiling.candidates import Candidate, Choice
from bnnplan.planner.profiling.knowledge import chance
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.profiling.precision import allow
from bnnplan.planner.profiling.rounds import Rounds

NETWORK = lower(chain())
ROUND = 0.002
"""Seconds that a made-up round takes."""
BURST = 0.02
"""Seconds from the first round for which something else has a core."""
NOISE = 0.2


class MadeUpTimes:
    """Replaces what a profile measures; of each layer one configuration is the fastest."""

    def __init__(self, board, *, burst):
        self.random = random.Random(1)
        self.burst = burst
        self.now = 0.0
        self.rounds = 0
        self.runs = 0
        (device,) = board.devices
        network = NETWORK
        self.ranks = {}
        bench = profiler.Workbench(network, board)
        for node in network.nodes:
            offered = bench.backends[device.name].configurations(network.bind(node), device)
            # The one of most threads, which another program on the cores disturbs.
            ordered = sorted(offered, key=lambda c: (-c.threads, c.label))
            self.ranks.update({(node.name, how): rank for rank, how in enumerate(ordered)})

    def ns(self, node, configuration):
        return 10_000 * (1 + 0.3 * self.ranks[node.name, configuration])

    def check_and_time(self, oracle, node, device, kernel):
        return round(self.ns(node, kernel.configuration))

    def time(self, rounds, device, threads):
        layers = rounds._turns(device, threads)
        runs = rounds.runs
        for node, candidate in layers:
            slow = (
                self.burst
                and self.now < BURST
                and self.ranks[node.name, candidate.configuration] == 0
            )
            for _ in range(runs):
                noise = self.random.lognormvariate(0, NOISE)
                ns = self.ns(node, candidate.configuration) * noise * (5 if slow else 1)
                candidate.samples.append(round(ns))
            candidate.was_timed(self.now, self.now + ROUND)
        widest = max(candidate.configuration.threads for _, candidate in layers)
        rounds.launch_samples.setdefault((device, widest), []).extend([1000] * runs)
        rounds.seconds.setdefault(device, []).append(ROUND)
        self.now += ROUND
        self.rounds += 1
        self.runs += runs


@pytest.fixture(scope="module")
def board():
    return detect_board(oracles=True).board.only(["cpu0"])


def profiled(board, monkeypatch, *, eliminate, burst=False):
    times = MadeUpTimes(board, burst=burst)
    moved = [
        TransferCost(*pair, 100.0, 0.0, 0.0, ()) for pair in (("user", "host"), ("host", "user"))
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Oracle, "check_and_time", lambda *args: times.check_and_time(*args))
        patch.setattr(Rounds, "time", lambda *args: times.time(*args))
        patch.setattr(profiler, "measure_transfers", lambda bench: tuple(moved))
        profile = profile_network(NETWORK, board, options=Options(eliminate=eliminate))
    return profile, times


def fastest(profile, name):
    placements = profile.layers[name].placements
    return min(placements, key=lambda cost: cost.time.median).configuration


def test_a_quarter_of_the_runs_finds_the_same(board, monkeypatch):
    whole, everything = profiled(board, monkeypatch, eliminate=False)
    less, times = profiled(board, monkeypatch, eliminate=True)
    if all(len(costs.placements) == 1 for costs in whole.layers.values()):
        pytest.skip("one core: there is nothing to choose")
    assert times.runs <= 0.25 * everything.runs
    for name in whole.layers:
        assert times.ranks[name, fastest(less, name)] == 0
        assert everything.ranks[name, fastest(whole, name)] == 0


def test_one_moment_decides_nothing(board, monkeypatch):
    less, times = profiled(board, monkeypatch, eliminate=True, burst=True)
    assert times.now > 2 * BURST
    for name in less.layers:
        assert times.ranks[name, fastest(less, name)] == 0


class Kernel:
    input_formats = output_formats = ("packed",)


def candidate(samples, **about):
    found = Candidate(Configuration(), Kernel(), round(statistics.median(samples)), **about)
    found.samples += samples
    return found


def test_samples_of_one_moment_are_no_interval():
    one = candidate([90, 110] * 10, moment=0.05)
    one.was_timed(1.0, 1.01)
    assert one.waits(0.5)
    assert (chance("a", one).low, chance("a", one).high) == (50, 200)
    one.was_timed(1.05, 1.06)
    assert not one.waits(0.5)
    assert (chance("a", one).low, chance("a", one).high) == (90, 110)


def allowed(mine, names=("s",), tolerance=0.03):
    choices = {("s", "a"): Choice("a", mine, [])}
    allow(choices, list(names), tolerance)
    return [one.allowance for one in mine]


def test_what_is_known_well_enough_as_a_whole_needs_no_more():
    unsure = [800] * 16 + [1001] * 5 + [1200] * 16
    sure = candidate([995, 1000, 1005] * 13)
    assert allowed([sure]) == [float("inf")]
    # What has a wide interval, but is far off, loses nothing.
    far = candidate([2000, 3000] * 20)
    assert allowed([sure, far]) == [float("inf")] * 2
    # What is as fast, and may be much faster, does.
    tied = candidate(unsure)
    assert allowed([sure, tied]) == [pytest.approx(15)] * 2
    # Unless it is given up.
    tied.hopeless = True
    assert allowed([sure, tied]) == [float("inf")] * 2
    # The latency itself is not known.
    assert allowed([candidate(unsure)]) == [pytest.approx(15, rel=0.01)]


@given(
    st.lists(st.lists(st.integers(500, 1500), min_size=20, max_size=40), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_more_tolerance_never_wants_more(samples, count):
    def at(tolerance):
        return allowed([candidate(one) for one in samples], ["s"] * count, tolerance)

    assert all(less <= more for less, more in zip(at(0.01), at(0.1), strict=True))


def test_launches_are_clamped_after_their_median_not_before(board):
    survey = SimpleNamespace(oracle=None, elimination=None)
    rounds = Rounds(survey, 0.03)
    rounds.launch_samples = {
        ("cpu0", 1): [-300, -200, 100],
        ("cpu0", 2): [-50, 400, 400, 500, -50],
        ("cpu0", 3): [-100, 300],
    }
    assert [cost.ns for cost in rounds.launches(None)] == [0, 400, 100]
