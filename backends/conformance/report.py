"""What an examination comes to."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import frozen

from bnnplan.backends.interface import Unavailable


@frozen
class Outcome:
    """What came of one law on one device.

    Parameters
    ----------
    law : str
    kind : str
        The kind of layer; empty for laws that are not examined by kind.
    device : str
    examples : int
        Examples that were checked.
    failure : str or None
        How the smallest example found breaks the law.
    unsupported : str or None
        Why the device has no layers to examine the law with.
    """

    law: str
    kind: str
    device: str
    examples: int
    failure: str | None = None
    unsupported: str | None = None

    @property
    def result(self) -> str:
        """``passed``, ``failed`` or ``unsupported``."""
        if self.unsupported is not None:
            return "unsupported"
        return "passed" if self.failure is None else "failed"

    def __str__(self) -> str:
        place = f"{self.law} {self.kind} on {self.device}".replace("  ", " ")
        if self.unsupported is not None:
            return f"{place}: unsupported: {self.unsupported}"
        return f"{place}: {self.failure or f'kept in {self.examples} examples'}"


@frozen
class SupportRow:
    """How a device answered when it was asked to run layers of a kind.

    Parameters
    ----------
    device, kind : str
    supported, refused : int
        How many of the layers asked for.
    reason : str
        The most frequent reason for a refusal; empty if there was none.
    """

    device: str
    kind: str
    supported: int
    refused: int
    reason: str


@frozen
class ConformanceReport:
    """What :func:`check_backend` found.

    Parameters
    ----------
    backend : str
    rows : tuple of Outcome
    support : tuple of SupportRow
    unavailable : tuple of Unavailable
        Devices that could not be examined.
    """

    backend: str
    rows: tuple[Outcome, ...]
    support: tuple[SupportRow, ...]
    unavailable: tuple[Unavailable, ...]

    @property
    def passed(self) -> bool:
        """Whether there was a device to examine and no law is broken."""
        return bool(self.rows) and all(row.failure is None for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON document: its fields, `passed`, and the `result` of every row."""
        rows = [{**attrs.asdict(row), "result": row.result} for row in self.rows]
        return {**attrs.asdict(self), "rows": rows, "passed": self.passed}
