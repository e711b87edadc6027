"""Looking for an example that breaks a law, and for the smallest one."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import hypothesis
from attrs import frozen
from hypothesis import HealthCheck, Phase, assume
from hypothesis.reporting import with_reporter
from hypothesis.strategies import SearchStrategy

from bnnplan.backends.conformance.comparing import LawBrokenError

Example = TypeVar("Example")


@frozen
class Search:
    """What a search came to.

    Parameters
    ----------
    examples : int
        Examples that were checked.
    failure : str or None
        The smallest example that breaks the law, and how; None if there is none.
    """

    examples: int
    failure: str | None = None


def search(
    strategy: SearchStrategy[Example],
    check: Callable[[Example], None],
    examples: int,
    *,
    fits: Callable[[Example], bool] = lambda example: True,
    seed: int | None = None,
) -> Search:
    """Check a number of examples that fit; shrink the first that breaks the law.

    Parameters
    ----------
    strategy : SearchStrategy
    check : callable
        Raises where the law is broken.
    examples : int
        How many to check.
    fits : callable
        Which examples the law speaks of.
    seed : int, optional
        Makes the search the same every time.
    """
    checked = 0
    failure: str | None = None

    def once(example: Example) -> None:
        nonlocal checked, failure
        assume(fits(example))
        checked += 1
        try:
            check(example)
        except Exception as error:
            failure = f"{explain(error)}; with {example}"
            raise

    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    test = settings(hypothesis.given(strategy)(once))
    if seed is not None:
        test = hypothesis.seed(seed)(test)
    try:
        # What it would print, such as a seed after Ctrl-C, is of no use outside a test.
        with with_reporter(lambda text: None):
            test()
    except hypothesis.errors.Unsatisfiable:
        return Search(0)
    except Exception:
        # Hypothesis replays the smallest example last, so its text is the one kept.
        if failure is None:
            raise
    return Search(checked, failure)


def explain(error: Exception) -> str:
    """One line on a broken law; for other exceptions also where they were raised."""
    line = " ".join(str(error).split())
    if isinstance(error, LawBrokenError):
        return line
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {line} ({Path(frame.filename).name}:{frame.lineno})"
