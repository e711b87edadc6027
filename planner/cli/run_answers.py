"""What a network answers, as ``bnnplan run`` prints it: the top classes, or shapes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnplan.models.describe import Answer, answer
from bnnplan.models.graph import Network
from bnnplan.planner.cli.common import console

TOP = 5
"""Classes that are shown where no number is asked for."""
SHOWN = 3
"""Frames of a pipeline whose classes are shown where not those of all are asked for."""

_MEANING = {
    Answer.PROBABILITIES: "probabilities, from 0 to 1",
    Answer.LOG_PROBABILITIES: "natural logarithms of probabilities, 0 for a sure class",
    Answer.LOGITS: "logits (plain scores): the largest wins, no probabilities",
}


def top_classes(network: Network, scores: np.ndarray, count: int = TOP) -> list[tuple[str, float]]:
    """The best classes, by name or number, with their scores; NaN stands last."""
    best = np.argsort(-scores, kind="stable")[:count]
    names = network.classes
    return [(names[i] if i < len(names) else str(i), float(scores[i])) for i in best]


def top_document(network: Network, scores: np.ndarray, count: int = TOP) -> list[dict[str, object]]:
    """:func:`top_classes` of one image as JSON, which has no infinity and no NaN."""
    return [
        {"class": label, "score": score if np.isfinite(score) else None}
        for label, score in top_classes(network, scores, count)
    ]


def top_text(network: Network, scores: np.ndarray, count: int = TOP) -> str:
    """:func:`top_classes` of one image as text."""
    found = top_classes(network, scores, count)
    return ", ".join(f"{label} ({score:.4g})" for label, score in found)


def meaning(network: Network, output: str) -> str:
    """A line that says what an output's numbers are."""
    return f"numbers: {_MEANING[answer(network, output)]}"


def print_outputs(network: Network, outputs: Mapping[str, np.ndarray], count: int = TOP) -> None:
    """Print the top classes of every image of a batch, or the shape of what is no list of them."""
    for name, array in outputs.items():
        if array.ndim != 2:
            console.print(f"{name}: shape {array.shape}, {array.dtype}")
            continue
        for index, scores in enumerate(array):
            console.print(f"image {index}: {top_text(network, scores, count)}")
        console.print(meaning(network, name))


class FrameAnswers:
    """The answers of a pipeline, frame by frame.

    Parameters
    ----------
    network : Network
    top : int or None
        Classes to print of every frame, as soon as it is computed; None: those of the first frames
        are kept.
    quiet : bool
        Print nothing; all that would be is kept.
    """

    def __init__(self, network: Network, top: int | None, *, quiet: bool) -> None:
        self.network = network
        self.count = 0
        self._top = top
        self._quiet = quiet
        self._kept: list[tuple[int, dict[str, np.ndarray]]] = []
        self._lists = [name for name in network.outputs if len(network.types[name].shape) == 1]

    def take(self, result: np.ndarray | Mapping[str, np.ndarray]) -> None:
        """The next frame's result."""
        if self._top is not None or self.count < SHOWN:
            outputs = dict(result) if isinstance(result, Mapping) else {self._only: result}
            if self._top is not None and not self._quiet:
                self._print(self.count, outputs)
            else:
                self._kept.append((self.count, {name: outputs[name] for name in self._lists}))
        self.count += 1

    @property
    def _only(self) -> str:
        (name,) = self.network.outputs
        return name

    def _print(self, number: int, outputs: Mapping[str, np.ndarray]) -> None:
        for name in self._lists:
            which = f", {name}" if len(self.network.outputs) > 1 else ""
            scores = outputs[name]
            console.print(
                f"frame {number}{which}: {top_text(self.network, scores, self._top or TOP)}"
            )

    def print_kept(self) -> None:
        """Print the answers that are kept, and what their numbers are."""
        for number, outputs in self._kept:
            self._print(number, outputs)
        for name in self._lists if self.count else ():
            console.print(meaning(self.network, name))

    def document(self) -> dict[str, object]:
        """What is kept, as JSON: by output a list of frames."""
        return {
            name: [
                top_document(self.network, outputs[name], self._top or TOP)
                for _, outputs in self._kept
            ]
            for name in self._lists
        }
