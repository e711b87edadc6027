"""Plans for requests, over limits on threads and batches."""

import itertools

import attrs
import pytest
from made_up import made_up_profile
from networks import chain, with_threads

from bnnplan.planner import fronts
from bnnplan.planner.baselines import GREEDY, SINGLE_DEVICE
from bnnplan.planner.fronts import find_front
from bnnplan.planner.plan import InfeasibleError, NoPlanError
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import LaunchCost
from bnnplan.planner.request import Request, RequestError
from bnnplan.planner.solvers.pareto import front
from bnnplan.planner.solving import SolveOptions


@pytest.fixture(scope="module")
def profiles(two_references):
    return [made_up_profile(two_references, batch=batch) for batch in (1, 4)]


@pytest.fixture(scope="module")
def wide(profiles):
    """Every layer also with two threads, no faster; starting two costs a millisecond."""
    profile = with_threads(profiles[0])
    launches = [
        LaunchCost(device, threads, ns)
        for device in ("a", "b")
        for threads, ns in ((1, 100), (2, 10**6))
    ]
    return attrs.evolve(profile, launches=launches)


def with_power(profile):
    devices = [attrs.evolve(d, power_watts=1.5) for d in profile.board.devices]
    return attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))


def test_launches_of_few_threads_count_under_limits_too(wide):
    fast = find_plan(chain(), wide, source="chain")
    assert {configuration.threads for _, configuration in fast.assignment.values()} == {1}
    best = fast.predicted.latency_ns
    request = Request(objectives=[Measure.ENERGY], limits=[Limit(Measure.LATENCY, best)])
    plan = find_plan(chain(), with_power(wide), request=request, source="chain")
    assert plan.predicted.latency_ns == best


def test_the_minimum_that_a_deadline_is_below_is_that_of_all_plans(wide):
    best = find_plan(chain(), wide, source="chain").predicted.latency_ns
    request = Request(limits=[Limit(Measure.LATENCY, best - 1)])
    with pytest.raises(InfeasibleError, match=f"{best} ns"):
        find_plan(chain(), wide, request=request, source="chain")


def test_the_front_too_tells_the_minimum_of_all_plans(wide):
    best = find_plan(chain(), wide, source="chain").predicted.latency_ns
    request = Request(limits=[Limit(Measure.LATENCY, best - 1)])
    measures = (Measure.LATENCY, Measure.MEMORY)
    with pytest.raises(InfeasibleError, match=f"{best} ns"):
        find_front(chain(), wide, measures, request=request, options=SolveOptions())


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_a_point_is_proven_only_against_all_limits_on_threads(wide, monkeypatch, epsilon):
    """What one problem has proven says nothing of another whose front is not known."""
    measures = (Measure.LATENCY, Measure.MEMORY)
    options = SolveOptions()

    def points(is_known):
        known = itertools.cycle(is_known)

        def some(problem, measures, *arguments, **how):
            found = front(problem, measures, *arguments, **how)
            if next(known):
                return found
            return attrs.evolve(found, points=(), complete=False)

        monkeypatch.setattr(fronts, "front", some)
        return find_front(
            chain(), wide, measures, request=Request(), options=options, epsilon=epsilon
        )

    whole = points([True])
    assert whole.complete
    assert {point.optimal for point in whole.points} == {epsilon == 0}
    part = points([True, False])
    assert part.points
    assert not part.complete
    assert not any(point.optimal for point in part.points)


def test_pipelines_pay_for_launches(wide):
    plan = find_plan(chain(), wide, request=Request(objectives=[Measure.PERIOD]), source="chain")
    assert {configuration.threads for _, configuration in plan.assignment.values()} == {1}
    assert plan.predicted.period_ns < 10**6
    single = plan.baseline(SINGLE_DEVICE)
    assert plan.predicted.period_ns <= single.value(Measure.PERIOD)
    assert plan.baseline(GREEDY).value(Measure.PERIOD) is not None


def test_baselines_start_the_teams_that_they_use(wide):
    """Starting two threads costs a millisecond; a heuristic that uses one is not charged that."""
    plan = find_plan(chain(), wide, source="chain")
    launches = {(one.device, one.threads): one.ns for one in wide.launches}
    told = [one for one in plan.baselines if one.placements]
    assert {"HEFT", GREEDY} <= {one.name for one in told}
    for baseline in told:
        widest = {}
        for device, configuration in baseline.placements.values():
            widest[device] = max(widest.get(device, 1), configuration.threads)
        started = max(launches[team] for team in widest.items())
        assert (baseline.predicted_ns >= 10**6) == (started >= 10**6), baseline.name
    by_method = [one for one in told if not one.name.startswith(("all", SINGLE_DEVICE))]
    assert any(one.predicted_ns < 10**6 for one in by_method)


def test_a_batch_without_a_plan_leaves_the_choice_to_the_others(profiles):
    small, large = (find_plan(chain(), profile, source="chain") for profile in profiles)
    needed = {row.space: row.allocated_bytes for row in small.memory}
    assert sum(row.allocated_bytes for row in large.memory) > sum(needed.values())
    request = Request(memory={"host": 0, "far": 0} | needed)
    plan = find_plan(chain(), profiles, request=request, source="chain")
    assert plan.batch == 1
    (first, second) = plan.batches
    assert (first.batch, first.status, first.note) == (1, "optimal", "")
    assert (second.batch, second.status) == (4, "infeasible")
    assert "no plan exists" in second.note
    with pytest.raises(
        InfeasibleError, match=r"no batch of 'chain' has a plan: batch 1: .*batch 4: "
    ):
        find_plan(chain(), profiles, request=Request(memory={"host": 9, "far": 9}), source="chain")


def test_batches_of_which_none_is_proven_infeasible_are_no_proof(profiles):
    # The first batch is too large as it runs, however little the solver counts.
    (small, _) = profiles
    (device, *_) = small.board.devices
    layers = {
        name: attrs.evolve(
            costs,
            placements=[
                attrs.evolve(c, workspace_bytes=10**6 if name == "scale" else 0)
                for c in costs.placements
                if c.device == device.name
            ],
        )
        for name, costs in small.layers.items()
    }
    alone = attrs.evolve(small, layers=layers, board=attrs.evolve(small.board, devices=[device]))
    (row,) = find_plan(chain(), alone, source="chain").memory
    request = Request(memory={device.space.name: row.allocated_bytes - 1})
    twice = [alone, attrs.evolve(alone, batch=2)]
    with pytest.raises(NoPlanError, match=r"batch 1: .* fit in memory as they run"):
        find_plan(chain(), twice, request=request, source="chain")


def test_profiles_of_one_batch_are_refused(profiles):
    with pytest.raises(RequestError, match="batch 1 is given twice"):
        find_plan(chain(), [profiles[0], profiles[0]], source="chain")
    with pytest.raises(RequestError, match="needs a profile"):
        find_plan(chain(), [], source="chain")


def test_all_batches_together_keep_the_time_limit(profiles, monkeypatch):
    from bnnplan.planner import solving

    given = []
    original = solving.solve

    def solve(problem, method, *, time_limit, **rest):
        given.append(time_limit)
        return original(problem, method, time_limit=time_limit, **rest)

    monkeypatch.setattr(solving, "solve", solve)
    find_plan(chain(), profiles, source="chain", options=SolveOptions(time_limit=8.0))
    first, second = given
    assert 0 < first <= 4.0
    assert first < second <= 8.0


@pytest.mark.parametrize("measure", [Measure.ENERGY, Measure.MEMORY, Measure.PERIOD])
def test_no_plan_is_worse_than_the_best_single_device(profiles, measure):
    (profile, _) = profiles
    plan = find_plan(
        chain(), with_power(profile), request=Request(objectives=[measure]), source="chain"
    )
    assert plan.proof.status == "optimal"
    assert plan.predicted.value(measure) == plan.proof.value
    assert all(
        plan.proof.value <= baseline.value(measure)
        for baseline in plan.baselines
        if baseline.predicted is not None
    )
