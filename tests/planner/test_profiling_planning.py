import itertools

import attrs
import numpy as np
import pytest
from networks import branches, chain

from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import ReferenceBackend, compute, evaluate
from bnnplan.backends.reference.backend import ReferenceKernel
from bnnplan.models.errors import FileError
from bnnplan.models.tensors import TensorType, decode, encode
from bnnplan.planner import plan_building, planning, solving
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.board import Link
from bnnplan.planner.encoding import encode_problem
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import InfeasibleError, NoPlanError, PlanError
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import (
    LaunchCost,
    ProfileError,
    Time,
    load_profile,
    save_profile,
    shape_fingerprint,
)
from bnnplan.planner.profiling import Options, profile_network
from bnnplan.planner.profiling.candidates import MAX_SAMPLES, Candidate, survey
from bnnplan.planner.profiling.oracle import Oracle, difference, reference_values
from bnnplan.planner.profiling.programs import Programs
from bnnplan.planner.profiling.rounds import Rounds
from bnnplan.planner.profiling.transfers import measure_transfers
from bnnplan.planner.solvers.base import SolverResult, Status
from bnnplan.planner.solving import SolveOptions
from bnnplan.planner.trials.exactness import Reference, make_runner
from bnnplan.planner.verification import TrialOptions, solve_on_board

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


def test_a_kernel_that_leaves_zeros_unwritten_is_never_offered(two_references, monkeypatch):
    network = chain(channels=9)
    bench = Workbench(network, two_references)

    def run(kernel, inputs, outputs):
        (wanted,) = compute(kernel.bound.layer, [decode(b.array, b.type) for b in inputs])
        array = encode(wanted, outputs[0].type)
        written = outputs[0].array.view(np.uint8)
        np.copyto(written, array.view(np.uint8), where=array.view(np.uint8) != 0)

    monkeypatch.setattr(ReferenceKernel, "run", run)
    choice = survey(bench, network.nodes[0], "a", Oracle(bench, 0))
    assert choice.candidates == []
    assert "differs from the reference" in choice.rejections[0].reason


def test_one_moment_that_was_taken_away_rules_no_kernel_out(two_references, monkeypatch):
    network = chain()
    bench = Workbench(network, two_references, 1)
    monkeypatch.setattr(ReferenceBackend, "configurations", lambda *_: [Configuration()] * 3)
    taken = iter((100, 8_000_000, 900, 120, 950))
    monkeypatch.setattr(Oracle, "check_and_time", lambda *_: next(taken))
    choice = survey(bench, network.nodes[0], "a", Oracle(bench, 0))
    assert [candidate.hopeless for candidate in choice.candidates] == [False, False, True]
    assert [candidate.first for candidate in choice.candidates] == [100, 120, 900]


def test_an_unsupported_layer_gives_the_reason(two_references, monkeypatch):
    monkeypatch.setattr(ReferenceBackend, "supports", lambda *_: "too tired")
    with pytest.raises(ProfileError, match="no device can run layer 'first': a: too tired"):
        profile_network(chain(), two_references, options=QUICK)


def test_plan_goes_where_the_costs_are_least(profile):
    network = chain()
    cheap_there = with_times(profile, {("second", "b"): 1, ("second", "a"): 10**9})
    plan = find_plan(network, cheap_there, source="chain")
    assert plan.assignment["second"][0] == "b"
    assert plan.proof.status == "optimal"
    assert plan.proof.value == plan.proof.bound
    single = plan.baseline(SINGLE_DEVICE)
    assert plan.predicted_ns <= single.predicted_ns


def test_plan_accounts_for_every_nanosecond_of_a_chain(profile):
    plan = find_plan(chain(), profile, source="chain")
    parts = sum(row.predicted_ns for row in plan.layers)
    parts += sum(row.predicted_ns for row in plan.transfers) + plan.launches_ns
    assert parts == plan.predicted_ns


def test_plan_file_round_trip(profile, tmp_path):
    plan = find_plan(chain(), profile, source="chain")
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(FileError, match=r"plan\.json"):
        load_plan(tmp_path / "plan.json")


def test_plan_of_another_network_is_refused(profile):
    plan = find_plan(chain(), profile, source="chain")
    with pytest.raises(PlanError, match="layers differ"):
        plan.require(branches())


def with_capacity(profile, capacity):
    devices = tuple(
        attrs.evolve(device, space=attrs.evolve(device.space, capacity=capacity))
        for device in profile.board.devices
    )
    return attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))


@pytest.mark.parametrize("method", ["greedy", "single-device", "dynamic-programming"])
def test_methods_that_prove_nothing_still_tell_what_is_infeasible(profile, method):
    with pytest.raises(InfeasibleError, match="no plan exists"):
        find_plan(chain(), with_capacity(profile, 10), source="chain", options=SolveOptions(method))


def test_a_heuristic_that_finds_nothing_blames_no_time_limit(profile, monkeypatch):
    unknown = SolverResult(Status.UNKNOWN, None, None, None, 0.0, "greedy", "22 bytes too few")
    monkeypatch.setattr(solving, "solve", lambda *_, **__: unknown)
    with pytest.raises(NoPlanError) as caught:
        find_plan(chain(), profile, source="chain", options=SolveOptions("greedy"))
    assert "method 'greedy' finds no plan for 'chain': 22 bytes too few" in str(caught.value)
    assert "time-limit" not in str(caught.value)


def test_too_little_memory_is_infeasible_with_the_space_named(profile):
    devices = tuple(
        attrs.evolve(device, space=attrs.evolve(device.space, capacity=10))
        for device in profile.board.devices
    )
    tight = attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))
    with pytest.raises(InfeasibleError) as caught:
        find_plan(chain(), tight, source="chain")
    assert caught.value.exit_code == 3
    assert "far" in str(caught.value) or "host" in str(caught.value)


@pytest.mark.parametrize("devices", ["aaaaaa", "bbbbbb", "aaabbb", "bbaaaa", "abaabb"])
def test_what_a_plan_states_is_what_running_it_allocates(profile, two_references, devices):
    names = [node.name for node in chain().nodes]
    elsewhere = {(n, "ba"[d == "b"]): 10**9 for n, d in zip(names, devices, strict=True)}
    plan = find_plan(chain(), with_times(profile, elsewhere), source="chain")
    assert "".join(plan.assignment[name][0] for name in names) == devices
    assert {row.space for row in plan.memory} <= {"host", "far"}
    bench = Workbench(chain(), two_references)
    predicted = {row.space: row.predicted_bytes for row in plan.memory}
    held = footprint(make_runner(bench, plan), predicted)
    # The runner names spaces in the order of its stages.
    assert sorted(held, key=lambda row: row.space) == sorted(plan.memory, key=lambda r: r.space)
    for row in plan.memory:
        assert row.alive_bytes <= row.activation_bytes
        assert row.weight_bytes + row.alive_bytes <= row.predicted_bytes <= row.allocated_bytes


def on_one_device(profile, capacity=None, choices=("quick",)):
    """The profile on one device with so much memory, where the last layer is quick, near or lean.

    The quick kernel's workspace is held all the time, the solver counts it for the last layer only,
    when few activations are alive.
    """
    (device, *_) = profile.board.devices
    small = attrs.evolve(device, space=attrs.evolve(device.space, capacity=capacity))
    layers = {
        name: attrs.evolve(
            costs, placements=[c for c in costs.placements if c.device == device.name]
        )
        for name, costs in profile.layers.items()
    }
    (cost,) = layers["scale"].placements
    offered = {
        "quick": attrs.evolve(cost, workspace_bytes=10**6),
        "near": attrs.evolve(
            cost,
            configuration=Configuration("Y"),
            time=attrs.evolve(cost.time, median=cost.time.median + 10**3),
            workspace_bytes=10**6 - 10,
        ),
        "lean": attrs.evolve(
            cost,
            configuration=Configuration("X"),
            time=attrs.evolve(cost.time, median=cost.time.median + 10**6),
        ),
    }
    layers["scale"] = attrs.evolve(
        layers["scale"], placements=[offered[choice] for choice in choices]
    )
    return attrs.evolve(profile, layers=layers, board=attrs.evolve(profile.board, devices=[small]))


def test_memory_that_only_the_solver_thinks_enough_is_too_little(profile):
    (row,) = find_plan(chain(), on_one_device(profile), source="chain").memory
    assert row.predicted_bytes < row.allocated_bytes
    fits = find_plan(chain(), on_one_device(profile, row.allocated_bytes), source="chain")
    assert fits.memory == (row,)
    assert fits.proof.status == "optimal"
    with pytest.raises(NoPlanError, match="fit in memory as they run: host too small"):
        find_plan(chain(), on_one_device(profile, row.allocated_bytes - 1), source="chain")


def test_a_slower_plan_that_fits_as_it_runs_is_found(profile):
    both = ("quick", "lean")
    quick = find_plan(chain(), on_one_device(profile, choices=both), source="chain")
    assert quick.assignment["scale"][1] == Configuration()
    (row,) = quick.memory
    tight = on_one_device(profile, row.allocated_bytes - 1, both)
    lean = find_plan(chain(), tight, source="chain")
    assert lean.assignment["scale"][1] == Configuration("X")
    assert lean.memory[0].allocated_bytes < row.allocated_bytes
    assert lean.proof.status == "feasible"
    assert lean.proof.bound == quick.proof.bound


def test_what_fits_nearly_is_not_tried_before_what_fits(profile, monkeypatch):
    every = ("quick", "near", "lean")
    (row,) = find_plan(chain(), on_one_device(profile, choices=every), source="chain").memory
    monkeypatch.setattr(planning, "MOST_TIGHTENINGS", 1)
    tight = on_one_device(profile, row.allocated_bytes - 100, every)
    lean = find_plan(chain(), tight, source="chain")
    assert lean.assignment["scale"][1] == Configuration("X")


def test_timed_programs_never_overwrite_what_none_of_their_layers_makes(two_references):
    network = branches(channels=70)
    oracle = Oracle(Workbench(network, two_references), 0)
    programs = Programs(oracle)
    # Without its first layer, a program reads what it does not make: once, and early.
    layers = [(node, oracle.bench.kernel(node, "a", Configuration())) for node in network.nodes[1:]]
    program = programs.link("a", layers)
    made = {tensor for node, _ in layers for tensor in node.outputs}
    program.run()
    for (node, _), step in zip(layers, program.steps, strict=True):
        for tensor, buffer in zip(node.inputs, step.inputs, strict=True):
            if tensor not in made:
                np.testing.assert_array_equal(buffer.array, oracle.arrays[tensor])


def test_a_device_that_names_no_resources_still_runs_one_layer_at_a_time(two_references):
    bare = attrs.evolve(
        two_references, devices=[attrs.evolve(d, resources=()) for d in two_references.devices]
    )
    profile = profile_network(branches(), bare, options=QUICK)
    plan = find_plan(branches(), profile, source="branches")
    for device in ("a", "b"):
        rows = [row for row in plan.layers if row.device == device]
        for before, after in itertools.pairwise(rows):
            assert before.start_ns + before.predicted_ns <= after.start_ns


def test_a_layer_that_needs_many_threads_still_has_a_plan(profile):
    def with_threads(cost, threads):
        wide = attrs.evolve(cost.configuration, threads=threads)
        return attrs.evolve(cost, configuration=wide)

    layers = {
        name: attrs.evolve(
            costs,
            placements=[with_threads(c, 4 if name == "second" else 1) for c in costs.placements],
        )
        for name, costs in profile.layers.items()
    }
    plan = find_plan(chain(), attrs.evolve(profile, layers=layers), source="chain")
    assert plan.assignment["second"][1].threads == 4


def test_all_problems_together_keep_the_time_limit(profile, monkeypatch):
    given = []
    original = solving.solve

    def solve(problem, method, *, time_limit, **rest):
        given.append(time_limit)
        return original(problem, method, time_limit=time_limit, **rest)

    monkeypatch.setattr(solving, "solve", solve)
    find_plan(chain(), profile, source="chain", options=SolveOptions(time_limit=8.0))
    assert 0 < sum(given) <= 8.0


def test_overlaps_count_the_launch_of_a_program():
    assert not plan_building._overlaps([(0, 10, "a"), (10, 20, "b")])
    assert plan_building._overlaps([(0, 10, "a"), (9, 20, "b")])
    assert not plan_building._overlaps([(0, 10, "a"), (5, 5, "b")])


def with_configuration(profile, **changes):
    cost = profile.layers["first"].placements[0]
    return attrs.evolve(cost, configuration=attrs.evolve(cost.configuration, **changes))


def spoiled_time(profile):
    return attrs.evolve(profile.layers["first"].placements[0].time, median=-5)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoiled_time, "from 0 to"),
        (lambda p: attrs.evolve(p.transfers[0], overhead_ns=float("inf")), "not inf"),
        (lambda p: attrs.evolve(p.transfers[0], ns_per_byte=float("nan")), "nan"),
        (lambda p: attrs.evolve(p.launches[0], ns=10**30), "from 0 to"),
        (lambda p: attrs.evolve(p.launches[0], threads=0), "threads"),
        (lambda p: with_configuration(p, axes="XXY"), "axes"),
        (lambda p: with_configuration(p, axes="YX"), "axes"),
        (lambda p: with_configuration(p, threads=10**9), "threads"),
        (lambda p: with_configuration(p, tile=(-1,)), "tile"),
        (lambda p: attrs.evolve(p, batch=0), "batch"),
        (lambda p: attrs.evolve(p, board=p.board.only(["b"])), "no device of board"),
        (lambda p: attrs.evolve(p, layers={}).require(chain(), 1), "no layer 'first'"),
    ],
)
def test_impossible_profiles_are_refused(profile, spoil, words):
    with pytest.raises(ProfileError, match=words):
        spoil(profile)


def without_last(plan):
    return attrs.evolve(plan, layers=plan.layers[:-1])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_last, "does not place layer 'scale'"),
        (lambda p: attrs.evolve(p, layers=p.layers[::-1]), "before what it reads"),
        (lambda p: attrs.evolve(p, layers=(*p.layers, p.layers[0])), "placed twice"),
        (lambda p: attrs.evolve(p, batch=10**9), "batch"),
        (
            lambda p: attrs.evolve(
                p, baselines=[attrs.evolve(p.baselines[0], placements={"x": p.assignment["first"]})]
            ),
            "misplaces layers",
        ),
    ],
)
def test_impossible_plans_are_refused(profile, spoil, words):
    plan = find_plan(chain(), profile, source="chain")
    with pytest.raises(PlanError, match=words):
        spoil(plan).require(chain())


def test_problem_has_ends_for_the_caller(profile):
    problem = encode_problem(chain(), profile).problem
    names = [task.name for task in problem.tasks]
    assert names[0] == "input pixels"
    assert names[-1] == "output logits"


def test_solving_on_the_board_measures_and_decides(two_references):
    network = branches()
    bench = Workbench(network, two_references)
    profile = profile_network(network, two_references, options=QUICK, bench=bench)
    plan, _ = solve_on_board(
        network,
        profile,
        source="branches",
        bench=bench,
        trial=TrialOptions(seconds=0.2, budget=2.0),
    )
    assert plan.measured is not None
    assert all(row.measured_ns is not None for row in plan.layers)
    assert plan.verdict
    Reference(bench, seed=5).compare(make_runner(bench, plan))


def test_a_small_budget_still_times_every_device_and_says_that_it_ran_out(two_references):
    hurried = Options(tolerance=1e-6, budget=1e-3)
    profile = profile_network(chain(), two_references, options=hurried)
    assert {cost.device for cost in profile.launches} == {"a", "b"}
    assert all(c.time.runs > 1 for row in profile.layers.values() for c in row.placements)
    assert profile.conditions.exhausted


def test_what_is_not_stable_is_timed_on_up_to_a_limit():
    steady, noisy = (Candidate(Configuration(), None, first=10) for _ in range(2))
    assert steady.waits(0.03)
    steady.samples += [10] * 400
    noisy.samples += [10, 30] * 200
    assert [one.waits(0.03) for one in (steady, noisy)] == [False, True]
    noisy.samples += [10, 30] * (MAX_SAMPLES // 2 - 200)
    assert not noisy.time(0.03).stable
    assert not noisy.waits(0.03)
    assert noisy.time(0.03).runs == MAX_SAMPLES


def test_what_a_resumed_run_need_not_measure_is_kept(two_references):
    first = profile_network(chain(), two_references, options=QUICK)
    stable = {
        name: attrs.evolve(
            costs,
            placements=[
                attrs.evolve(c, time=Time(100, 100, 100, 100, runs=50)) for c in costs.placements
            ],
        )
        for name, costs in first.layers.items()
    }
    first = attrs.evolve(first, layers=stable)
    second = profile_network(chain(), two_references, options=QUICK, earlier=first)
    assert second.layers == first.layers
    assert second.launches == first.launches


def test_links_that_the_board_declares_are_not_measured(two_references):
    board = attrs.evolve(two_references, links=[Link("host", "far", 1e9, latency=2e-6)])
    bench = Workbench(chain(), board)
    costs = {(cost.source, cost.target): cost for cost in measure_transfers(bench)}
    assert costs["host", "far"].duration(500) == 2500
    assert costs["far", "host"].samples


def test_a_fault_of_one_kernel_spoils_no_other_layer(two_references, monkeypatch):
    network = chain()
    original = ReferenceBackend.prepare

    def prepare(self, bound, device, configuration):
        kernel = original(self, bound, device, configuration)
        if device.name == "a" and bound.layer.kind == "BinaryWeightConv2d":
            kernel.run = lambda inputs, outputs: [][1]
        return kernel

    monkeypatch.setattr(ReferenceBackend, "prepare", prepare)
    profile = profile_network(network, two_references, options=QUICK)
    assert [c.device for c in profile.layers["first"].placements] == ["b"]
    assert "IndexError" in profile.layers["first"].rejections[0].reason
    assert [c.device for c in profile.layers["pool"].placements] == ["a", "b"]


FLOATS = TensorType((3,), "float32")


@pytest.mark.parametrize(
    ("got", "wanted", "same"),
    [
        ([1, 2, 3], [1, 2, 3.0001], True),
        ([1, 2, 3], [1, 2, 3.1], False),
        ([1, 2, 3], [np.nan, 2, 3], False),
        ([np.nan, 2, 3], [1, 2, 3], False),
        ([np.nan, 2, 9], [np.nan, 2, 3], False),
        ([np.nan, 2, 3], [np.nan, 2, 3], True),
        ([np.inf, 2, 9], [np.inf, 2, 3], False),
        ([np.inf, 2, 3], [-np.inf, 2, 3], False),
        ([np.inf, 2, 3], [np.inf, 2, 3], True),
    ],
)
def test_floats_agree_where_they_should(got, wanted, same):
    fault = difference(np.array(got, np.float32), np.array(wanted, np.float32), FLOATS)
    assert (fault is None) == same


def test_interrupted_profile_goes_on_where_it_stopped(two_references, monkeypatch):
    network = chain()

    def interrupt(self, _):
        for _ in range(8):
            self.time("a", 1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Rounds, "run", interrupt)
        first = profile_network(network, two_references, options=QUICK)
    assert not first.conditions.complete
    second = profile_network(network, two_references, options=QUICK, earlier=first)
    assert second.conditions.complete
    assert second.conditions.seconds > first.conditions.seconds
    for name, costs in first.layers.items():
        for before, after in zip(costs.placements, second.layers[name].placements, strict=True):
            assert after.time.runs >= before.time.runs


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_reference_values_of_a_batch_are_those_of_its_images(batch):
    feeds, values = reference_values(chain(), batch, seed=4)
    assert feeds["pixels"].shape[0] == batch
    assert len(np.unique(feeds["pixels"], axis=0)) == min(batch, 3)
    np.testing.assert_array_equal(values["logits"], evaluate(chain(), feeds)["logits"])
