"""From the options of ``bnnplan solve`` to the request that they state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer
from attrs import frozen

from bnnplan.planner.cli.quantities import nanojoules, nanoseconds, sized
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.profile import MOST_IMAGES
from bnnplan.planner.request import Names, Request, RequestError, require_known

OBJECTIVES = {
    "latency": Measure.LATENCY,
    "throughput": Measure.PERIOD,
    "energy": Measure.ENERGY,
    "memory": Measure.MEMORY,
}
"""The words of the command line: throughput is the least period."""


@frozen
class Wishes:
    """What the options say, as texts; None and empty where nothing was said."""

    objectives: Sequence[str] | None = None
    deadline: str | None = None
    max_energy: str | None = None
    max_memory: Sequence[str] | None = None
    max_switches: int | None = None
    pins: Sequence[str] | None = None
    forbidden: Sequence[str] | None = None
    colocated: Sequence[str] | None = None
    contiguous: bool = False
    confidence: float | None = None

    @property
    def said(self) -> dict[str, object]:
        """What each option says; None where it says nothing."""
        return {
            "--objective": self.objectives or None,
            "--deadline": self.deadline,
            "--max-energy": self.max_energy,
            "--max-memory": self.max_memory or None,
            "--max-switches": self.max_switches,
            "--pin": self.pins or None,
            "--forbid": self.forbidden or None,
            "--colocate": self.colocated or None,
            "--contiguous": self.contiguous or None,
            "--confidence": self.confidence,
        }

    def request(self, names: Names, objectives: Sequence[Measure] = (Measure.LATENCY,)) -> Request:
        """The request that the wishes state.

        Parameters
        ----------
        names : Names
            Of the network's layers, or of a problem's tasks.
        objectives : sequence of Measure
            Where nothing is said of them.

        Raises
        ------
        typer.BadParameter
            If an option is malformed.
        RequestError
            If wishes contradict each other, or name a layer or task that is not there.
        """
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise typer.BadParameter(
                f"--confidence {self.confidence:g}: the confidence must be above 0 and below 1, "
                "such as 0.9"
            )
        limits = []
        if self.deadline is not None:
            limits.append(Limit(Measure.LATENCY, nanoseconds("--deadline", self.deadline)))
        if self.max_energy is not None:
            limits.append(Limit(Measure.ENERGY, nanojoules("--max-energy", self.max_energy)))
        return Request(
            objectives=measures_of("--objective", self.objectives or []) or objectives,
            limits=limits,
            memory=_capacities(self.max_memory or []),
            pins=_pins(self.pins or [], names),
            forbidden=list(_places("--forbid", self.forbidden or [], names)),
            colocated=[_group(text, names) for text in self.colocated or []],
            switches=self.max_switches,
            contiguous=self.contiguous,
            confidence=self.confidence,
        )


def measures_of(option: str, texts: Iterable[str]) -> list[Measure]:
    """The measures that words stand for, each text one or more with commas between."""
    words = [word for text in texts for word in _split(option, text)]
    for word in words:
        try:
            require_known("objective", word, OBJECTIVES)
        except RequestError as error:
            raise typer.BadParameter(f"{option} {word}: {error}") from None
    for word in words:
        if words.count(word) > 1:
            raise typer.BadParameter(f"{option}: {word} is given twice")
    return [OBJECTIVES[word] for word in words]


def batches_of(text: str | None) -> list[int] | None:
    """The batch sizes of a list such as ``1,2,4``; None where nothing was said."""
    if text is None:
        return None
    sizes = []
    for word in _split("--batch", text):
        # Python refuses to read a number of thousands of digits.
        is_number = word.isdecimal() and len(word) < 10
        if not is_number or not 1 <= int(word) <= MOST_IMAGES:
            raise typer.BadParameter(
                f"--batch {text}: must be whole numbers from 1 to {MOST_IMAGES} with commas between"
            )
        sizes.append(int(word))
    if len(set(sizes)) < len(sizes):
        raise typer.BadParameter(f"--batch {text}: names a batch twice")
    return sizes


def _split(option: str, text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise typer.BadParameter(f"{option} {text or repr(text)}: a name is missing")
    return words


def _pair(option: str, text: str, form: str) -> tuple[str, str]:
    # Names of layers may hold '=', those of devices and sizes do not.
    first, sign, second = text.rpartition("=")
    if not sign or not first.strip() or not second.strip():
        raise typer.BadParameter(f"{option} {text or repr(text)}: must be {form}")
    return first.strip(), second.strip()


def _capacities(texts: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts:
        space, size = _pair("--max-memory", text, "SPACE=SIZE, such as host=64MiB")
        if space in found:
            raise RequestError(f"--max-memory of {space!r} is given twice")
        found[space] = sized("--max-memory", size)
    return found


def _places(option: str, texts: Iterable[str], names: Names) -> Iterable[tuple[str, str]]:
    for text in texts:
        pattern, device = _pair(option, text, f"{names.what.upper()}=DEVICE, such as 'conv*=gpu0'")
        for layer in names.matching(pattern):
            yield layer, device


def _pins(texts: Iterable[str], names: Names) -> dict[str, str]:
    found: dict[str, str] = {}
    for layer, device in _places("--pin", texts, names):
        if found.setdefault(layer, device) != device:
            raise RequestError(
                f"{names.what} {layer!r} is pinned to {found[layer]!r} and to {device!r}"
            )
    return found


def _group(text: str, names: Names) -> list[str]:
    layers = dict.fromkeys(
        layer for name in _split("--colocate", text) for layer in names.matching(name)
    )
    if len(layers) < 2:
        raise typer.BadParameter(f"--colocate {text}: must name at least two {names.what}s")
    return list(layers)
