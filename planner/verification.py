"""Proves a plan on the board: right, as fast as predicted, and not slower than one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from bnnplan.models.graph import Network
from bnnplan.models.tensors import encode
from bnnplan.planner.baselines import SINGLE_DEVICE
from bnnplan.planner.correction import Ran, corrected
from bnnplan.planner.encoding import encode_problem, widest_teams
from bnnplan.planner.execution.measure import Measurement, measure, ratio_interval
from bnnplan.planner.execution.runner import Runner, check_feeds, transfer_label
from bnnplan.planner.execution.trace import EventKind
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import Baseline, Plan, PlanError, Proof
from bnnplan.planner.plan_building import build_plan
from bnnplan.planner.planning import plan_latency
from bnnplan.planner.profile import Profile
from bnnplan.planner.profiling.oracle import difference, reference_values
from bnnplan.planner.report.units import interval_text, times
from bnnplan.planner.solvers.evaluation import evaluate as evaluate_choice
from bnnplan.planner.solving import SolveOptions

TOLERANCE = 0.05
"""Predicted and measured latency agree within this share, or the costs are measured again."""
MAX_ROUNDS = 5
PLAN = "plan"


def make_runner(bench: Workbench, plan: Plan) -> Runner:
    """A plan made ready to run on a workbench of its network and board."""
    return Runner(bench, plan.assignment, plan.order, concurrent=plan.concurrent)


def check_exact(bench: Workbench, runner: Runner, seed: int) -> None:
    """Compare a runner's outputs with the reference backend's, on random input.

    Raises
    ------
    PlanError
        If integers or bits differ at all, or floats beyond their tolerance.
    """
    _compare(runner, *reference_values(bench.network, bench.batch, seed))


def _compare(
    runner: Runner, feeds: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]
) -> None:
    network = runner.network
    got = runner.run(feeds)
    for name in network.outputs:
        kind = network.types[name]
        fault = difference(encode(got[name], kind), encode(wanted[name], kind), kind)
        if fault:
            raise PlanError(
                f"the plan of {network.name!r} gives other values than the reference backend in "
                f"output {name!r}: {fault}; please report this with the plan file"
            )


def solve_on_board(
    network: Network,
    profile: Profile,
    *,
    source: str,
    options: SolveOptions | None = None,
    bench: Workbench | None = None,
    seconds: float = 2.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Plan, Profile]:
    """Plan, run the plan, and correct the costs until predicted and measured latency agree.

    The plan and the best single device are run interleaved. Where one of them does not measure as
    predicted, the costs of its placements are replaced by what they measured in the running
    program, and all other costs of a device are scaled by the drift that its layers showed (a
    machine's clock and load change between profiling and planning); then it is solved again. So
    it is where the plan measures slower than the single device. At the end the faster of the two
    is the plan.

    Parameters
    ----------
    network : Network
    profile : Profile
    source : str
        What the network was opened from; kept in the plan.
    options : SolveOptions, optional
    bench : Workbench, optional
        Kernels that are prepared already.
    seconds : float
        Time to measure in each round.
    seed : int
        Of the input images.
    progress : callable, optional

    Returns
    -------
    Plan
        With measured times and the verdict.
    Profile
        With the corrected costs.

    Raises
    ------
    PlanError
        If the plan does not compute what the reference backend computes.
    """
    bench = bench or Workbench(network, profile.board, profile.batch)
    tell = progress or (lambda share, text: None)
    tell(0.0, "reference values")
    feeds, wanted = reference_values(network, bench.batch, seed)
    arrays = check_feeds(network, feeds, bench.batch)
    for turn in range(MAX_ROUNDS):
        tell(turn / MAX_ROUNDS, "solving and running the plan")
        plan = plan_latency(network, profile, source=source, options=options)
        runner = make_runner(bench, plan)
        _compare(runner, feeds, wanted)
        runners = {PLAN: runner}
        single = plan.baseline(SINGLE_DEVICE)
        if single and single.placements and single.placements != plan.assignment:
            runners[SINGLE_DEVICE] = Runner(bench, single.placements)
        measured = measure(runners, arrays, seconds=seconds)
        agreed = _as_predicted(plan, measured) and not _slower(measured)
        if agreed or turn == MAX_ROUNDS - 1:
            break
        ran = [Ran(plan.assignment, measured[PLAN], plan.concurrent)]
        if single and SINGLE_DEVICE in measured:
            ran.append(Ran(dict(single.placements), measured[SINGLE_DEVICE]))
        profile = corrected(profile, plan.transfers, ran)
    tell(1.0, "done")
    plan = with_measurements(plan, measured)
    delivered = _deliver_faster(plan, network, profile, measured)
    if not agreed:
        delivered = attrs.evolve(
            delivered,
            verdict=f"{delivered.verdict}; predicted and measured latency still differ after "
            f"{MAX_ROUNDS} rounds of correcting costs: the machine is too busy to be planned for, "
            "solve again when it is quiet",
        )
    if delivered.assignment != plan.assignment:
        _compare(runners[SINGLE_DEVICE], feeds, wanted)
    return delivered, profile


def _as_predicted(plan: Plan, measured: dict[str, Measurement]) -> bool:
    predicted = {PLAN: plan.predicted_ns}
    if (single := plan.baseline(SINGLE_DEVICE)) is not None:
        predicted[SINGLE_DEVICE] = single.predicted_ns or 0
    return all(
        abs(predicted[name] / result.time().median - 1) <= TOLERANCE
        for name, result in measured.items()
    )


def _slower(measured: dict[str, Measurement]) -> bool:
    """Whether the plan is slower than the best single device, beyond doubt."""
    if SINGLE_DEVICE not in measured:
        return False
    return ratio_interval(measured[SINGLE_DEVICE], measured[PLAN]).high < 1.0


def with_measurements(plan: Plan, measured: dict[str, Measurement]) -> Plan:
    """The plan with the measured times of its layers, transfers and baselines filled in."""
    mine = measured[PLAN]
    layers = mine.mean_of(EventKind.LAYER)
    transfers = mine.mean_of(EventKind.TRANSFER)
    return attrs.evolve(
        plan,
        layers=[attrs.evolve(row, measured_ns=layers[row.name]) for row in plan.layers],
        transfers=[
            attrs.evolve(
                row,
                measured_ns=transfers.get(transfer_label(row.tensor, row.source, row.target)),
            )
            for row in plan.transfers
        ],
        baselines=[_measured_baseline(row, measured) for row in plan.baselines],
        measured=mine.summary(),
    )


def _measured_baseline(row: Baseline, measured: dict[str, Measurement]) -> Baseline:
    if row.name not in measured:
        return row
    mine = measured[row.name]
    return attrs.evolve(row, measured=mine.time(), ratio=ratio_interval(mine, measured[PLAN]))


def _deliver_faster(
    plan: Plan,
    network: Network,
    profile: Profile,
    measured: dict[str, Measurement],
) -> Plan:
    single = plan.baseline(SINGLE_DEVICE)
    if single is None:
        return attrs.evolve(plan, verdict="no single device can hold the whole network")
    if SINGLE_DEVICE not in measured:
        return attrs.evolve(plan, verdict="the plan is the best single device itself")
    ratio = ratio_interval(measured[SINGLE_DEVICE], measured[PLAN])
    interval = f"{times(ratio.median)} ({interval_text(ratio)})"
    if not _slower(measured):
        text = f"measured interleaved, the best single device takes {interval} the plan's time"
        if ratio.is_one:
            text += ": no difference is certain"
        return attrs.evolve(plan, verdict=text)
    fallback = _as_plan(single, plan, network, profile)
    remeasured = {PLAN: measured[SINGLE_DEVICE], SINGLE_DEVICE: measured[SINGLE_DEVICE]}
    return attrs.evolve(
        with_measurements(fallback, remeasured),
        verdict=(
            "the solver's plan measured slower than the best single device, which takes "
            f"{interval} its time and is delivered instead"
        ),
    )


def _as_plan(single: Baseline, plan: Plan, network: Network, profile: Profile) -> Plan:
    encoding = encode_problem(network, profile, widest_teams(single.placements))
    placements = {
        name: next(
            cost
            for cost in encoding.placements[name]
            if (cost.device, cost.configuration) == placement
        )
        for name, placement in single.placements.items()
    }
    solution = evaluate_choice(encoding.problem, encoding.choice(placements))
    proof = Proof(
        "feasible",
        solution.objective,
        plan.proof.bound_ns,
        SINGLE_DEVICE,
        plan.proof.seconds,
        "chosen by measuring, against the solver's prediction",
    )
    return build_plan(
        network,
        profile,
        encoding,
        solution,
        source=plan.source,
        proof=proof,
        baselines=plan.baselines,
    )
