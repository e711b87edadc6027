"""What changing a solution comes to, and what relaxing a problem is worth."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import problems, wishful
from small_problems import BRANCHES, FAST, branches

from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.solvers import Status, check, evaluate, solve
from bnnplan.planner.solvers.exact import exhaustive
from bnnplan.planner.solvers.insight.alternatives import chosen_anew, kept
from bnnplan.planner.solvers.insight.relaxations import liberties, margins
from bnnplan.planner.solvers.insight.worth import worth
from bnnplan.planner.solvers.restriction import Restriction, only
from bnnplan.planner.solvers.structure import Graph

SOME = settings(max_examples=60, deadline=None)


@SOME
@given(problems(tasks=4, options=3), st.data())
def test_an_alternative_chosen_anew_is_the_optimum_with_it(problem, data):
    assert_alternative(problem, data)


@SOME
@given(wishful(tasks=3, options=2), st.data())
def test_so_it_is_for_problems_of_every_kind(problem, data):
    assert_alternative(problem, data)


def assert_alternative(problem, data):
    present = solve(problem)
    if present.solution is None:
        return
    task = data.draw(st.integers(0, len(problem.tasks) - 1))
    option = data.draw(st.integers(0, len(problem.tasks[task].options) - 1))
    graph = Graph(problem)
    anew = chosen_anew(graph, {task: (option,)}, present.solution, time_limit=10)
    alone = exhaustive.solve(Restriction(problem, only(problem, {task: (option,)})).problem)
    assert anew.objective == alone.objective
    assert anew.proven
    assert anew.allowed == (alone.status is Status.OPTIMAL)
    as_is = kept(graph, present.solution, {task: option})
    if as_is.allowed:
        assert not check(problem, as_is.solution)
        assert as_is.objective >= anew.objective >= present.objective
    if option == present.solution.choice[task]:
        assert as_is.objective == anew.objective == present.objective


def test_what_breaks_a_rule_says_which():
    problem = branches(vram=20)
    changed = kept(Graph(problem), evaluate(problem, FAST), {1: 1})
    assert not changed.allowed
    assert changed.objective is None
    assert changed.solution is not None
    assert "space 'vram' needs" in changed.reasons[0]


def test_what_cannot_be_says_why():
    cut = evolve(BRANCHES, tensors=tuple(evolve(t, transfers=()) for t in BRANCHES.tensors))
    graph = Graph(cut)
    present = evaluate(cut, (0, 0, 0, 0))
    (reason,) = kept(graph, present, {1: 1}).reasons
    assert "tensor 'head' cannot be transferred" in reason
    anew = chosen_anew(graph, {1: (1,)}, present, time_limit=10)
    assert anew.proven
    assert "no transfer from" in anew.reasons[0]


def test_a_start_that_stays_is_never_lost():
    """A method that finds nothing in time does not make an alternative impossible."""
    present = evaluate(BRANCHES, (0, 0, 0, 0))
    anew = chosen_anew(Graph(BRANCHES), {1: (0,), 2: (0,)}, present, time_limit=1e-9)
    assert anew.objective == present.objective == 400


@settings(max_examples=30, deadline=None)
@given(wishful(tasks=3, options=2))
def test_less_to_ask_never_costs_anything(problem):
    present = solve(problem)
    if present.solution is None:
        return
    for relaxation in [*margins(problem), *liberties(problem)]:
        found = worth_of(relaxation, present)
        best = exhaustive.solve(relaxation.problem).objective
        assert found.gain == present.objective - best
        assert found.proven
        assert found.low == found.gain >= 0


def worth_of(relaxation, present):
    return worth([relaxation], [present.solution], present.objective, present.bound, time_limit=10)


def named(relaxations):
    return {(one.what, one.name): one for one in relaxations}


def gain(relaxation, problem):
    return worth_of(relaxation, solve(problem)).gain


def test_what_binds_gains_by_being_left_out():
    """One branch on the gpu is best; where its memory is too small, both stay on the cpu."""
    tight = branches(vram=20)
    found = named(liberties(tight))
    assert gain(found["space", "vram"], tight) == 100
    roomy = branches(vram=27)
    assert gain(named(liberties(roomy))["space", "vram"], roomy) == 0


def test_margins_are_worth_what_they_save():
    found = named(margins(branches(vram=20)))
    assert gain(found["space", "vram"], branches(vram=20)) == 100
    slow = branches(gpu=frozenset({"core:0"}))
    assert gain(named(margins(slow))["link", "ram – vram"], slow) == 4
    faster = gain(named(margins(slow))["device", "gpu"], slow)
    assert faster == 2 * (50 - round(50 / 1.1))


def test_where_energy_counts_less_of_it_is_worth_something():
    frugal = evolve(
        BRANCHES,
        objectives=(Measure.ENERGY,),
        tasks=tuple(
            evolve(task, options=tuple(evolve(o, energy=10 * o.duration) for o in task.options))
            for task in BRANCHES.tasks
        ),
    )
    # A faster device would gain nothing.
    assert {(one.what, one.change) for one in margins(frugal)} == {("device", "10 % less energy")}
    # Head and tail lie on the cpu, 1000 nJ each; the branches on the gpu, 500 nJ each.
    assert solve(frugal).objective == 3000
    assert gain(named(margins(frugal))["device", "cpu"], frugal) == 200
    assert gain(named(margins(frugal))["device", "gpu"], frugal) == 100
    hasty = evolve(frugal, limits=(Limit(Measure.LATENCY, 300),))
    changes = {one.change for one in margins(hasty)}
    assert changes == {"10 % less energy", "10 % faster", "twice as fast"}


def test_every_constraint_can_be_left_out():
    strict = evolve(
        BRANCHES,
        limits=(Limit(Measure.ENERGY, 10),),
        colocated=(("left", "right"),),
        switches=2,
        devices=tuple(evolve(d, contiguous=d.name == "gpu") for d in BRANCHES.devices),
    )
    found = named(liberties(strict))
    assert {what for what, _ in found} == {"limit", "colocated", "switches", "contiguous"}
    assert found["limit", "energy"].problem.limits == ()
    assert found["colocated", "left, right"].problem.colocated == ()
    assert found["switches", ""].problem.switches is None
    assert not any(d.contiguous for d in found["contiguous", "gpu"].problem.devices)
    assert named(margins(strict))["switches", ""].problem.switches == 3


def test_without_a_limit_of_its_period_a_pipeline_stays_one():
    strict = evolve(BRANCHES, limits=(Limit(Measure.PERIOD, 300),))
    (free,) = liberties(strict)
    assert free.problem.is_pipeline
    assert free.problem.limit(Measure.PERIOD) > 300
