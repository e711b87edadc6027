"""``bnnplan solve``: the whole way from a network to a proven and measured plan."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import typer

from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.planner.boards import open_board_model
from bnnplan.planner.cache import keep_costs
from bnnplan.planner.cli import solve_options as asked
from bnnplan.planner.cli.common import (
    BUDGET,
    BoardFile,
    BoardModelFile,
    DeviceNames,
    Fresh,
    Json,
    Seed,
    Verbose,
    board_of,
    console,
    notes,
    open_board,
    open_lowered,
    print_json,
    progress_bar,
    refuse_overwriting,
    require_writable,
)
from bnnplan.planner.cli.planned import source_of
from bnnplan.planner.cli.power import powers_of, with_power
from bnnplan.planner.cli.put import Put
from bnnplan.planner.cli.solve_front import print_front, two_measures
from bnnplan.planner.cli.solve_problem import solve_problem
from bnnplan.planner.cli.solve_profiles import (
    measured_profiles,
    predicted_profiles,
    read_profiles,
)
from bnnplan.planner.cli.solve_rules import refuse_contradictions
from bnnplan.planner.cli.solve_size import print_size
from bnnplan.planner.cli.solve_trial import trial_of
from bnnplan.planner.cli.wishes import Wishes, batches_of
from bnnplan.planner.foretold import foretold_ns
from bnnplan.planner.plan import Plan
from bnnplan.planner.plan_file import SCHEMA, VERSION, plan_document, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.profile import Profile
from bnnplan.planner.profiling import Options
from bnnplan.planner.report.origin_text import foretold_text
from bnnplan.planner.report.plan_text import print_plan
from bnnplan.planner.request import Names, Request
from bnnplan.planner.solvers import METHODS
from bnnplan.planner.solvers.interruption import heeding
from bnnplan.planner.solving import SolveOptions, encodings_of
from bnnplan.planner.verification import TrialOptions, solve_on_board


def solve(
    net: asked.OptionalNetwork = None,
    objective: asked.Objectives = None,
    deadline: asked.Deadline = None,
    max_energy: asked.MaxEnergy = None,
    max_memory: asked.MaxMemory = None,
    max_switches: asked.MaxSwitches = None,
    pin: asked.Pins = None,
    forbid: asked.Forbidden = None,
    colocate: asked.Colocated = None,
    contiguous: asked.Contiguous = False,
    confidence: asked.Confidence = None,
    batch: asked.Batches = None,
    pareto: asked.Pareto = None,
    epsilon: asked.Epsilon = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    power: asked.Powers = None,
    profile: asked.Profiles = None,
    board_model: BoardModelFile = None,
    problem: asked.ProblemFile = None,
    run: asked.Run = None,
    dry_run: asked.DryRun = False,
    candidates: asked.CandidateCount = None,
    tolerance: asked.Tolerance = None,
    method: asked.Method = "auto",
    time_limit: asked.TimeLimit = 60.0,
    workers: asked.Workers = 2,
    budget: asked.Budget = None,
    eliminate: asked.Eliminate = False,
    output: asked.Output = None,
    fresh: Fresh = False,
    seed: Seed = 0,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Profile, solve, run the plan, and print it with its proof and baselines."""
    if method not in METHODS:
        raise typer.BadParameter(f"--method {method}: must be one of {', '.join(METHODS)}")
    wishes = Wishes(
        objectives=objective,
        deadline=deadline,
        max_energy=max_energy,
        max_memory=max_memory,
        max_switches=max_switches,
        pins=pin,
        forbidden=forbid,
        colocated=colocate,
        contiguous=contiguous,
        confidence=confidence,
    )
    refuse_contradictions(
        {
            **wishes.said,
            "NET": net,
            "--board": board,
            "--devices": devices,
            "--power": power or None,
            "--batch": batch,
            "--profile": profile,
            "--board-model": board_model,
            "--eliminate": eliminate,
            "--problem": problem,
            "--fresh": fresh,
            "--pareto": pareto,
            "--epsilon": epsilon,
            "--dry-run": dry_run,
            "--candidates": candidates,
            "--tolerance": tolerance,
            "--budget": budget,
            "--run": run,
            "--no-run": run is False,
            "--output": output,
        }
    )
    measures, batches = two_measures(pareto, epsilon), batches_of(batch)
    powers = powers_of(power or [])
    if measures is not None and len(batches or profile or ()) > 1:
        raise typer.BadParameter("--pareto finds the front of one batch: name one")
    refuse_overwriting(output, net, problem, board, board_model, *(profile or ()))
    require_writable(output)
    options = SolveOptions(method=method, time_limit=time_limit, workers=workers, seed=seed)
    put = Put(output, json)
    if problem is not None:
        with heeding():
            solve_problem(
                *(problem, wishes, options, measures, epsilon or 0.0, put),
                dry_run=dry_run,
                verbose=verbose,
            )
        return
    text = net or DEFAULT
    network, source = open_lowered(text), source_of(text)
    request = wishes.request(Names([node.name for node in network.nodes]))
    seconds = BUDGET if budget is None else budget
    is_wanted = run is True if board_model else run is not False and not profile
    is_run = is_wanted and not dry_run and measures is None
    trial = trial_of(
        request, candidates, is_run=is_run, tolerance=tolerance, budget=seconds, seed=seed
    )
    model = open_board_model(str(board_model)) if board_model else None
    if profile or model is not None:
        if profile:
            found = read_profiles(profile, network, batches, model)
        else:
            assert model is not None
            found = predicted_profiles(network, model, batches, is_run=is_run)
        profiles = [attrs.evolve(one, board=with_power(one.board, powers)) for one in found]
    else:
        detected = with_power(board_of(open_board(board, devices), quiet=json), powers)
        request.require(network, detected)
        profiling = Options(budget=seconds, seed=seed, eliminate=eliminate)
        profiles = measured_profiles(
            *(network, detected, batches),
            options=profiling,
            under_load=request.is_pipeline,
            fresh=fresh,
            quiet=json,
        )
    if dry_run:
        encodings = [one for each in profiles for one in encodings_of(network, each, request)]
        print_size([one.problem for one in encodings], options, put)
        return
    if measures is not None:
        (used,) = profiles
        if used.conditions.model and not json:
            notes.print(f"not all costs are measured: {used.conditions.model}")
        with heeding():
            print_front(
                *(network, used, measures, epsilon or 0.0, request, options, source, put),
                verbose=verbose,
            )
        return
    with heeding():
        plan, used = _plan(
            *(network, profiles, request, source, options),
            trial=trial if is_run else None,
            quiet=json,
        )
    if output is not None:
        save_plan(plan, output)
    if output is not None or json:
        keep_costs(network, used)
    if json:
        print_json(SCHEMA, plan_document(plan), VERSION)
        return
    print_plan(plan, console, profile=used, verbose=verbose)
    if model is not None and plan.measured is not None:
        before = next(one for one in profiles if one.batch == plan.batch)
        foretold = foretold_ns(plan, network, before)
        if foretold is not None:
            console.print(foretold_text(foretold, plan.measured.end_to_end.median))
    if output is not None:
        console.print(f"plan written to {output}")


def _plan(
    network: Network,
    profiles: Sequence[Profile],
    request: Request,
    source: str,
    options: SolveOptions,
    *,
    trial: TrialOptions | None,
    quiet: bool,
) -> tuple[Plan, Profile]:
    if trial is None:
        plan = find_plan(network, profiles, request=request, source=source, options=options)
        return plan, next(one for one in profiles if one.batch == plan.batch)
    with progress_bar(f"planning {network.name}", enabled=not quiet) as progress:
        return solve_on_board(
            network,
            profiles,
            request=request,
            source=source,
            options=options,
            trial=trial,
            progress=progress,
        )
