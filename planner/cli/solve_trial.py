"""How ``bnnplan solve`` tries a plan on the board, and where there is nothing to try."""

from __future__ import annotations

import attrs
import typer

from bnnplan.planner.request import Request
from bnnplan.planner.verification import TrialOptions


def trial_of(
    request: Request,
    candidates: int | None,
    *,
    is_run: bool,
    tolerance: float | None,
    budget: float,
    seed: int,
) -> TrialOptions:
    """How to try a plan; a misuse if something is asked of a trial that there is not.

    Parameters
    ----------
    request : Request
    candidates : int or None
    tolerance : float or None
        As asked for.
    is_run : bool
        Whether plans are run on the board at all.
    budget, seed
        As of `TrialOptions`.
    """
    for option, value in (("--candidates", candidates), ("--tolerance", tolerance)):
        if value is not None and not is_run:
            raise typer.BadParameter(
                f"{option} measures plans on the board: leave out --profile, --no-run, --dry-run "
                "and --pareto, and give --run with --board-model"
            )
    if candidates is not None and not request.is_measurable:
        raise typer.BadParameter(
            "--candidates compares latencies, which are measured: leave it out with this objective"
        )
    found = TrialOptions(budget=budget, candidates=candidates or 1, seed=seed)
    return found if tolerance is None else attrs.evolve(found, tolerance=tolerance)
