"""Board models as text: what each family costs, by which terms, and how far that is off."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.board_model import BoardModel, FamilyModel
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import percent, signed_percent

LARGE = 0.15
"""A mean error above this is worth a warning."""
FEW = 40
"""So is a family with fewer samples."""
SHOWN = 2
"""Terms of a family in the table."""


def families_table(model: BoardModel, *, verbose: bool) -> Rows:
    """A row a family, device and variant; all of their terms if verbose."""
    rows = Rows(
        "family",
        "device",
        "variant",
        "mean error",
        "median",
        "95 of 100 within",
        "samples",
        "largest terms" if not verbose else "terms",
        left=3,
        optional=("95 of 100 within", "samples"),
        wrapped="largest terms" if not verbose else "terms",
    )
    for family in sorted(model.families, key=lambda f: (f.device, f.family, f.variant)):
        error = family.error
        rows.add_row(
            family.family,
            family.device,
            family.variant or "–",
            percent(error.mean),
            percent(error.median),
            f"{signed_percent(error.low - 1)} {signed_percent(error.high - 1)}",
            str(error.samples),
            "; ".join(terms_text(family, None if verbose else SHOWN)),
        )
    return rows


def terms_text(family: FamilyModel, most: int | None) -> Iterator[str]:
    """Terms with what one of each costs, in the order of the model: those of most time first."""
    for name, ns in list(family.nanoseconds.items())[:most]:
        yield f"{name} {ns:.3g} ns"


def warnings(model: BoardModel) -> Iterator[str]:
    """What of a model is not to be relied on."""
    for family in model.families:
        where = f"{family.family} on {family.device}"
        where += f" with {family.variant}" if family.variant else ""
        if family.error.mean > LARGE:
            yield (
                f"{where}: predicted times are off by {percent(family.error.mean)} on average; "
                "characterize again while nothing else runs, or profile such layers"
            )
        elif family.error.samples < FEW:
            yield (f"{where}: only {family.error.samples} samples; a larger --budget gives more")
