"""Simulates a plan: what it would do on its board, wherever that is."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from bnnplan.models.graph import Network
from bnnplan.planner.execution.trace import Trace
from bnnplan.planner.plan import Plan, PlanError
from bnnplan.planner.profile import MOST, Origin, Profile
from bnnplan.planner.simulation import summary
from bnnplan.planner.simulation.costs import Costs
from bnnplan.planner.simulation.doubting import period_interval
from bnnplan.planner.simulation.options import Jitter, SimulationOptions
from bnnplan.planner.simulation.playing import play
from bnnplan.planner.simulation.scattering import as_measured, scattered
from bnnplan.planner.simulation.simulated import Simulated
from bnnplan.planner.simulation.streams import pipeline_model, runs_model


def simulate(
    plan: Plan,
    network: Network,
    profile: Profile | None = None,
    options: SimulationOptions | None = None,
) -> Simulated:
    """Simulate a plan, event by event; nothing is run, and no device is needed.

    Pipelines are simulated as :mod:`bnnplan.planner.execution.pipelines` runs them, other plans one
    batch after the other. What two threads share (a core, a queue, a link) is served in the order
    in which they ask, each until its turn is done, or needs something else that is taken.

    Parameters
    ----------
    plan : Plan
    network : Network
        Of the plan.
    profile : Profile, optional
        Of the network on the plan's board: its costs of layers and transfers are taken instead of
        those that the plan states, and their spread.
    options : SimulationOptions, optional

    Raises
    ------
    PlanError
        If the plan is of another network, the profile does not know what it places, or measured
        stages are asked for that it does not state.
    ProfileError
        If the profile is of another network, or for other batches.
    """
    return simulate_traced(plan, network, profile, options)[0]


def simulate_traced(
    plan: Plan,
    network: Network,
    profile: Profile | None = None,
    options: SimulationOptions | None = None,
) -> tuple[Simulated, Trace]:
    """`simulate`, with the first batches as a trace, a row for each thread."""
    wanted = options or SimulationOptions()
    plan.require(network)
    if profile is not None:
        profile.require(network, plan.batch)
    scatters = wanted.jitter is Jitter.MEASURED and not wanted.measured
    costs = Costs(plan, network, profile, scatters=scatters)
    pipelined = plan.predicted.period_ns is not None
    if pipelined:
        model = pipeline_model(costs, slack=wanted.slack, window=wanted.window)
    else:
        model = runs_model(costs)
    model, jitter = scattered(model, plan, wanted.jitter)
    if wanted.measured:
        model = as_measured(model, plan)
    arrivals = _arrivals(plan, wanted)
    random = np.random.default_rng(wanted.seed)
    history = play(model, arrivals, random)
    between = summary.period(history)
    stages = [*summary.stage_rows(model, history, between)]
    resources = summary.resource_uses(history, between)
    name, busy = summary.bottleneck(stages, resources)
    simulated = Simulated(
        network=plan.network,
        board=plan.board.name,
        batch=plan.batch,
        batches=len(arrivals),
        streams=len(model.streams),
        window=model.window,
        pipelined=pipelined,
        period_ns=between,
        images_per_second=plan.batch * 1e9 / max(between, 1.0),
        rate=wanted.rate,
        latency=summary.latency(history, arriving=wanted.rate is not None),
        waiting=0 if wanted.rate is None else summary.most_waiting(history),
        predicted_period_ns=plan.predicted.period_ns,
        predicted_latency_ns=plan.predicted.latency_ns,
        bottleneck=name,
        bottleneck_busy=busy,
        stages=stages,
        devices=summary.device_uses(history, between),
        resources=resources,
        rings=[*summary.ring_rows(model, history)],
        jitter=jitter,
        costs=_source(costs, wanted),
        interval=period_interval(model, between, arrivals, pipelined=pipelined, seed=wanted.seed),
        seed=wanted.seed,
    )
    return simulated, summary.trace_of(model, history)


def _arrivals(plan: Plan, options: SimulationOptions) -> np.ndarray:
    """When the last image of each batch arrives, ns; the first one at 0."""
    count = -(-options.frames // plan.batch)
    between = plan.batch * 1e9 / options.rate if options.rate else 0.0
    if count * between > MOST:
        raise PlanError(
            f"{options.frames} frames at {options.rate:g} a second take more than eleven days; "
            "simulate fewer, or a higher rate"
        )
    arrivals: np.ndarray = np.rint(np.arange(count) * between).astype(np.int64)
    return arrivals


def _source(costs: Costs, options: SimulationOptions) -> str:
    if options.measured:
        return "of stages, as measured in the running plan"
    known: dict[Origin, set[str]] = defaultdict(set)
    for row in (row for stream in costs.plan.streams for row in stream.layers):
        known[cost.origin if (cost := costs.cost_of(row)) else row.origin].add(row.name)
    text = "as the plan states them" if costs.profile is None else "of the profile"
    for origin in Origin:
        if origin is not Origin.MEASURED and known[origin]:
            text += f", {origin.value} for {len(known[origin])} of {len(costs.plan.layers)} layers"
    return text
