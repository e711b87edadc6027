import attrs
import numpy as np
import pytest
from networks import branches, chain

from bnnplan.backends.reference import ReferenceBackend
from bnnplan.models.errors import FileError
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.encoding import encode_problem
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import InfeasibleError, PlanError, load_plan, save_plan
from bnnplan.planner.planning import plan_latency
from bnnplan.planner.profile import (
    LaunchCost,
    ProfileError,
    load_profile,
    save_profile,
    shape_fingerprint,
)
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.profiling.candidates import survey
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.verification import check_exact, make_runner, solve_on_board

QUICK = Options(tolerance=0.5, budget=3.0)


@pytest.fixture(scope="module")
def profile(two_references):
    return profile_network(chain(), two_references, options=QUICK)


def with_times(profile, times):
    """The profile with the given nanoseconds by (layer, device), and free transfers."""
    layers = {
        name: attrs.evolve(
            costs,
            placements=tuple(
                attrs.evolve(
                    cost, time=attrs.evolve(cost.time, median=times.get((name, cost.device), 1000))
                )
                for cost in costs.placements
            ),
        )
        for name, costs in profile.layers.items()
    }
    return attrs.evolve(
        profile, layers=layers, launches=[LaunchCost("a", 1, 10), LaunchCost("b", 1, 10)]
    )


def test_profile_has_every_layer_on_every_device(profile):
    assert set(profile.layers) == {node.name for node in chain().nodes}
    for costs in profile.layers.values():
        assert [cost.device for cost in costs.placements] == ["a", "b"]
        assert all(cost.time.median > 0 for cost in costs.placements)
    pairs = {(move.source, move.target) for move in profile.transfers}
    assert ("user", "host") in pairs
    assert ("host", "far") in pairs
    assert ("far", "user") in pairs


def test_profile_file_round_trip(profile, tmp_path):
    save_profile(profile, tmp_path / "p.json")
    assert load_profile(tmp_path / "p.json") == profile


def test_profile_of_another_network_is_refused(profile):
    with pytest.raises(ProfileError, match="layers differ"):
        profile.require(branches(), 1)
    with pytest.raises(ProfileError, match="batches of 1, not 2"):
        profile.require(chain(), 2)


def test_fingerprint_ignores_the_values_of_weights():
    assert shape_fingerprint(chain(seed=0)) == shape_fingerprint(chain(seed=1))
    assert shape_fingerprint(chain()) != shape_fingerprint(chain(channels=32))


def test_a_wrong_kernel_is_never_offered(two_references, monkeypatch):
    network = chain()
    bench = Workbench(network, two_references)
    oracle = Oracle(bench, 0)
    node = network.nodes[0]
    original = ReferenceBackend.prepare

    def prepare(self, bound, device, configuration):
        kernel = original(self, bound, device, configuration)
        run = kernel.run

        def wrong(inputs, outputs):
            run(inputs, outputs)
            outputs[0].array.flat[0] ^= np.uint64(1)

        kernel.run = wrong
        return kernel

    monkeypatch.setattr(ReferenceBackend, "prepare", prepare)
    choice = survey(bench, node, "a", oracle)
    assert choice.candidates == []
    assert "differs from the reference" in choice.rejections[0].reason


def test_an_unsupported_layer_gives_the_reason(two_references, monkeypatch):
    monkeypatch.setattr(ReferenceBackend, "supports", lambda *_: "too tired")
    with pytest.raises(ProfileError, match="no device can run layer 'first': a: too tired"):
        profile_network(chain(), two_references, options=QUICK)


def test_plan_goes_where_the_costs_are_least(profile):
    network = chain()
    cheap_there = with_times(profile, {("second", "b"): 1, ("second", "a"): 10**9})
    plan = plan_latency(network, cheap_there, source="chain")
    assert plan.assignment["second"][0] == "b"
    assert plan.proof.status == "optimal"
    assert plan.proof.objective_ns == plan.proof.bound_ns
    single = plan.baseline(SINGLE_DEVICE)
    assert plan.predicted_ns <= single.predicted_ns


def test_plan_accounts_for_every_nanosecond_of_a_chain(profile):
    plan = plan_latency(chain(), profile, source="chain")
    parts = sum(row.predicted_ns for row in plan.layers)
    parts += sum(row.predicted_ns for row in plan.transfers) + plan.launches_ns
    assert parts == plan.predicted_ns


def test_plan_file_round_trip(profile, tmp_path):
    plan = plan_latency(chain(), profile, source="chain")
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(FileError, match=r"plan\.json"):
        load_plan(tmp_path / "plan.json")


def test_plan_of_another_network_is_refused(profile):
    plan = plan_latency(chain(), profile, source="chain")
    with pytest.raises(PlanError, match="layers differ"):
        plan.require(branches())


def test_too_little_memory_is_infeasible_with_the_space_named(profile):
    devices = tuple(
        attrs.evolve(device, space=attrs.evolve(device.space, capacity=10))
        for device in profile.board.devices
    )
    tight = attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))
    with pytest.raises(InfeasibleError) as caught:
        plan_latency(chain(), tight, source="chain")
    assert caught.value.exit_code == 3
    assert "far" in str(caught.value) or "host" in str(caught.value)


def test_problem_has_ends_for_the_caller(profile):
    problem = encode_problem(chain(), profile).problem
    names = [task.name for task in problem.tasks]
    assert names[0] == "input pixels"
    assert names[-1] == "output logits"


def test_solving_on_the_board_measures_and_decides(two_references):
    network = branches()
    bench = Workbench(network, two_references)
    profile = profile_network(network, two_references, options=QUICK, bench=bench)
    plan, _ = solve_on_board(network, profile, source="branches", bench=bench, seconds=0.2)
    assert plan.measured is not None
    assert all(row.measured_ns is not None for row in plan.layers)
    assert plan.verdict
    check_exact(bench, make_runner(bench, plan), seed=5)


def test_interrupted_profile_goes_on_where_it_stopped(two_references, monkeypatch):
    from bnnplan.planner.profiling import profiler

    network = chain()

    def interrupt(self):
        for _ in range(8):
            self._round("a", 1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(profiler._Profiler, "_rounds", interrupt)
        first = profile_network(network, two_references, options=QUICK)
    assert not first.conditions.complete
    second = profile_network(network, two_references, options=QUICK, earlier=first)
    assert second.conditions.complete
    assert second.conditions.seconds > first.conditions.seconds
    for name, costs in first.layers.items():
        for before, after in zip(costs.placements, second.layers[name].placements, strict=True):
            assert after.time.runs >= before.time.runs
