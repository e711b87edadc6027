"""Board models as text: what each family costs, by which terms, and how far that is off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bnnplan.planner.board_model import BoardModel, FamilyModel, FittedError
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import percent, signed_percent

LARGE = 0.15
"""A mean error above this is worth a warning."""
FEW = 40
"""So is a family with fewer samples."""
SHOWN = 2
"""Terms of a family in the table."""
MANY = 1000.0
"""Nanoseconds that are written without decimals."""
ON = {"any": "", "1": " on one thread", "more": " on several threads"}
"""What lines below the table say of its column of threads."""


def families_table(model: BoardModel, *, verbose: bool) -> Rows:
    """A row a family, device and variant; all of their terms if verbose."""
    rows = Rows(
        "family",
        "device",
        "variant",
        "threads",
        "largest terms" if not verbose else "terms",
        "mean error",
        "median",
        "95 of 100 within",
        "samples",
        left=5,
        optional=("median", "samples", "95 of 100 within", "variant"),
    )
    for family in sorted(model.families, key=lambda f: (f.device, f.family, f.variant)):
        for threads, terms, error in _times(family):
            rows.add_row(
                family.family,
                family.device,
                family.variant or "–",
                threads,
                "; ".join(_terms_text(terms, None if verbose else SHOWN)),
                percent(error.mean),
                percent(error.median),
                f"{signed_percent(error.low - 1)} {signed_percent(error.high - 1)}",
                str(error.samples),
            )
    return rows


def _times(family: FamilyModel) -> Iterator[tuple[str, Mapping[str, float], FittedError]]:
    if family.team is None:
        yield "any", family.nanoseconds, family.error
    else:
        yield "1", family.nanoseconds, family.error
        yield "more", family.team.nanoseconds, family.team.error


def _terms_text(terms: Mapping[str, float], most: int | None) -> Iterator[str]:
    """Terms with what one of each costs, in the order of the model: those of most time first."""
    for name, ns in list(terms.items())[:most]:
        yield f"{name} {ns:.3g} ns" if ns < MANY else f"{name} {ns:.0f} ns"


def warnings(model: BoardModel) -> Iterator[str]:
    """What of a model is not to be relied on: a line of families that are far off, one of few."""
    off, few = [], []
    for family in model.families:
        where = f"{family.family} on {family.device}"
        where += f" with {family.variant}" if family.variant else ""
        for threads, _, error in _times(family):
            name = where + ON[threads]
            if error.mean > LARGE:
                off.append(f"{name} by {percent(error.mean)}")
            elif error.samples < FEW:
                few.append(f"{error.samples} of {name}")
    if off:
        yield (
            f"predicted times are off on average: {', '.join(off)}; characterize again while "
            "nothing else runs, or profile such layers"
        )
    if few:
        yield f"few samples: {', '.join(few)}; a larger --budget gives more"
