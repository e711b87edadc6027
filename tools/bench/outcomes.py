"""What solving a benchmark problem gave, and whether that is what was aimed at."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from bench import Result

WORKERS = 2


@frozen
class Outcome:
    """One line of the table.

    Parameters
    ----------
    name : str
    target : str
        What is aimed at; empty where nothing is.
    value, bound : float or None
        Of the best plan, and below which none is; None where nothing was found.
    unit : str
    seconds : float
    passed : bool or None
        Whether the target is reached; None where there is none.
    known : float or None
        The optimum or the best other plan, in the same unit.
    source : str
        Where `known` comes from.
    limit : float or None
        Seconds that the target allows.
    note : str
        What else is to be said; why there is no value.
    memory : float
        Most MiB that the process held.
    """

    name: str
    target: str
    value: float | None = None
    bound: float | None = None
    unit: str = ""
    seconds: float = 0.0
    passed: bool | None = None
    known: float | None = None
    source: str = ""
    limit: float | None = None
    note: str = ""
    memory: float = 0.0

    @property
    def gap(self) -> float | None:
        """The share of the value that is not proven necessary."""
        if self.value is None or self.bound is None:
            return None
        return (self.value - self.bound) / self.value if self.value else 0.0


HEAD = (
    f"{'name':62} {'value':>14} {'known':>11} {'bound':>11} {'gap':>7} {'seconds':>8} "
    f"{'MiB':>5}      target"
)


def line(outcome: Outcome) -> str:
    """One outcome as a line of the table."""
    verdict = {True: "PASS", False: "FAIL", None: "    "}[outcome.passed]
    gap = "" if outcome.gap is None else f"{outcome.gap:.2%}"
    value = "" if outcome.value is None else f"{number(outcome.value)} {outcome.unit}".strip()
    ending = f"; {outcome.note}" if outcome.note else ""
    return (
        f"{outcome.name:62} {value:>14} {number(outcome.known):>11} {number(outcome.bound):>11} "
        f"{gap:>7} {outcome.seconds:8.3f} {outcome.memory:5.0f} {verdict} "
        f"{outcome.target}{ending}"
    )


MARKDOWN_HEAD = (
    "| case | value | known | bound | gap | time | memory | aim | |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def markdown(outcome: Outcome) -> str:
    """One outcome as a row of a table in Markdown."""
    gap = "" if outcome.gap is None else f"{outcome.gap:.2%}"
    taken = outcome.seconds
    cells = (
        outcome.name,
        "" if outcome.value is None else f"{number(outcome.value)} {outcome.unit}".strip(),
        number(outcome.known),
        number(outcome.bound),
        gap,
        f"{1e3 * taken:.0f} ms" if taken < 1 else f"{taken:.1f} s",
        f"{outcome.memory:.0f} MiB",
        outcome.target,
        {True: "reached", False: "**not reached**", None: ""}[outcome.passed],
    )
    return f"| {' | '.join(cells)} |"


def number(value: float | None) -> str:
    """A number to three decimals."""
    return "" if value is None else f"{value:.3f}"


def results(outcome: Outcome) -> Iterator[Result]:
    """An outcome as results of the shared form: its parts after the name, ratios above 1 better."""
    if outcome.value is None:
        return
    known, name = outcome.known, outcome.name
    ratio = known / outcome.value if known is not None and outcome.value else None
    yield Result(name, WORKERS, outcome.value, outcome.unit, outcome.source, known, ratio)
    if outcome.bound is not None:
        yield Result(f"{name}: bound", WORKERS, outcome.bound, outcome.unit)
    limit = outcome.limit
    speed = limit / outcome.seconds if limit and outcome.seconds else None
    aim = "target" if limit else ""
    yield Result(f"{name}: time", WORKERS, outcome.seconds, "s", aim, limit, speed)
    yield Result(f"{name}: peak memory", WORKERS, outcome.memory, "MiB")
    if outcome.passed is not None:
        yield Result(f"{name}: reached", WORKERS, float(outcome.passed), "", outcome.target)
