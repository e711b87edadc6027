"""Coefficients of terms from measured times: least squares, never negative, of relative errors.

``time = Σ coefficient · term`` with coefficients of at least 0, so that each can be read as what
its term costs. Errors count as shares of the measured time: a layer of 20 µs weighs as much as one
of 2 ms. Measurements on a shared machine have outliers; samples that the fit misses by far more
than others are weighted down in some rounds (Tukey's biweight). Terms that do not lower the error
on layers left out of the fit are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import frozen

from bnnplan.planner.board_model import FittedError
from bnnplan.planner.nonnegative import non_negative, non_negative_of_products
from bnnplan.planner.statistics import student

FOLDS = 10
ROUNDS = 6
"""Of weighting samples by how far they are off."""
BIWEIGHT = 4.685
"""Tukey's constant: with normal errors, 95 % of the efficiency of plain least squares."""
NORMAL_DEVIATION = 1.4826
"""Standard deviations in a median of absolute deviations, of normal errors."""
LEAST_DEVIATION = 0.01
"""A share of the time; smaller errors than this are never outliers."""
WORTH = 1.003
"""A term stays if the error without it grows by more than this factor."""
NOTICED, NOTICING = 0.02, 3
"""A term stays only where it is this share of the time of so many samples: else nothing is known of
what it costs, and layers that have much of it would be predicted anything."""
LEAST_WEIGHT = 1e-3
LEAST_RATIO = 1e-3
SMALL_SIZE = 1024.0
"""Bytes."""
INTERVAL = (2.5, 97.5)
"""Percent: of the errors on layers left out, the ends of the interval that is stated."""
ENOUGH = 40
"""Samples whose percentiles can be taken as they are: one lies beyond either end."""
MOST_LOG = 10.0


@frozen(eq=False)
class Fit:
    """Coefficients by term, those that make up most of the time first, and how far they are off on
    samples that they were not fitted to.

    Parameters
    ----------
    coefficients : mapping of str to float
    ratios : ndarray, shape (samples,)
        Predicted by measured time of each sample, by fits that had not seen it.
    """

    coefficients: Mapping[str, float]
    ratios: np.ndarray

    @property
    def error(self) -> FittedError:
        """How far it is off on samples that it was not fitted to."""
        return error_of(self.ratios)


def fit_terms(samples: Sequence[Mapping[str, float]], times: Sequence[float]) -> Fit:
    """Fit coefficients to samples, and judge them by cross validation.

    Parameters
    ----------
    samples : sequence of mapping of str to float
        Terms of each sample, at least 0; a term that is not named is 0.
    times : sequence of float
        Above 0.
    """
    names = sorted({name for terms in samples for name, value in terms.items() if value > 0})
    measured = np.array(times, float)
    counts = np.array([[terms.get(name, 0.0) for name in names] for terms in samples], float)
    shares = counts.reshape(len(measured), len(names)) / measured[:, None]
    kept = _pruned(shares)
    coefficients = _robust(shares[:, kept])[0]
    parts = shares[:, kept].mean(axis=0) * coefficients
    fitted = {
        names[kept[place]]: float(coefficients[place])
        for place in np.argsort(-parts)
        if coefficients[place] > 0
    }
    return Fit(fitted, held_out(shares[:, kept]))


def fit_sizes(
    samples: Sequence[Mapping[str, float]], sizes: Sequence[float]
) -> Mapping[str, float]:
    """Coefficients of terms of sizes in bytes, which are exact or nearly so, and may be 0.

    Parameters
    ----------
    samples : sequence of mapping of str to float
    sizes : sequence of float
        At least 0.
    """
    names = sorted({name for terms in samples for name, value in terms.items() if value > 0})
    counts = np.array([[terms.get(name, 0.0) for name in names] for terms in samples], float)
    wanted = np.array(sizes, float)
    # Shares of sizes count, but a few bytes do not.
    scale = 1 / np.maximum(wanted, SMALL_SIZE)
    found = non_negative(counts.reshape(len(wanted), len(names)) * scale[:, None], wanted * scale)
    return {name: float(value) for name, value in zip(names, found, strict=True) if value > 0}


def error_of(ratios: np.ndarray) -> FittedError:
    """The error that predicted by measured times show.

    The interval is that of the samples' percentiles; where samples are few, which leave its ends
    open, it is at least the one in which the next of normal logarithms would lie.

    Parameters
    ----------
    ratios : ndarray, shape (samples,)
    """
    if not len(ratios):
        return FittedError(1.0, 1.0, 0.0, 2.0, 0)
    off = np.abs(ratios - 1)
    measured = 1 / np.maximum(ratios, LEAST_RATIO)
    low, high = np.percentile(measured, INTERVAL)
    if 2 <= len(ratios) < ENOUGH:
        logs = np.log(measured)
        reach = student(len(logs) - 1) * float(logs.std(ddof=1)) * math.sqrt(1 + 1 / len(logs))
        low = min(low, math.exp(max(float(logs.mean()) - reach, -MOST_LOG)))
        high = max(high, math.exp(min(float(logs.mean()) + reach, MOST_LOG)))
    return FittedError(
        float(off.mean()), float(np.median(off)), float(low), float(high), len(ratios)
    )


def held_out(shares: np.ndarray) -> np.ndarray:
    """Predicted by measured time of each sample, by a fit to the other folds.

    Parameters
    ----------
    shares : ndarray, shape (samples, terms)
        Terms by the measured time.

    Returns
    -------
    ndarray, shape (samples,)
    """
    ratios = np.zeros(len(shares))
    for inside in _folds(len(shares)):
        ratios[~inside] = shares[~inside] @ _robust(shares[inside])[0]
    return ratios if len(shares) > 1 else ratios[:0]


def _folds(count: int) -> list[np.ndarray]:
    """Which samples are fitted to, for each fold that is left out."""
    number = min(FOLDS, count)
    fold = np.random.default_rng(0).permutation(count) % max(number, 1)
    return [fold != left_out for left_out in range(number)] if number > 1 else []


def _robust(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients with outliers weighted down, and the weights."""
    weights = np.ones(len(shares))
    coefficients = np.zeros(shares.shape[1])
    for _ in range(ROUNDS):
        coefficients = non_negative(shares * weights[:, None], weights)
        off = shares @ coefficients - 1
        deviation = max(NORMAL_DEVIATION * float(np.median(np.abs(off))), LEAST_DEVIATION)
        # Its square counts in least squares, as the biweight is.
        weights = np.clip(1 - (off / (BIWEIGHT * deviation)) ** 2, LEAST_WEIGHT, None)
    return coefficients, weights


class _Left:
    """Errors on samples left out of fits to some of the columns, with the weights of one fit."""

    def __init__(self, shares: np.ndarray) -> None:
        weights = _robust(shares)[1]
        self.weights = weights
        self.shares = shares
        self.folds = []
        for inside in _folds(len(shares)):
            matrix = shares[inside] * weights[inside, None]
            self.folds.append((~inside, matrix.T @ matrix, matrix.T @ weights[inside]))

    def error(self, columns: list[int]) -> float:
        """Mean error, outliers weighted down as in the fit."""
        total = 0.0
        for outside, products, moments in self.folds:
            coefficients = non_negative_of_products(products[columns][:, columns], moments[columns])
            off = np.abs(self.shares[outside][:, columns] @ coefficients - 1)
            total += float((off * self.weights[outside]).sum())
        return total / float(self.weights.sum())


def _noticed(shares: np.ndarray, kept: list[int]) -> list[int]:
    """Columns that are a part of several samples; the one that is least so goes first."""
    rank = min(NOTICING, len(shares))
    while True:
        coefficients = _robust(shares[:, kept])[0]
        kept = [column for column, value in zip(kept, coefficients, strict=True) if value > 0]
        parts = shares[:, kept] * coefficients[coefficients > 0]
        noticed = np.sort(parts, axis=0)[-rank]
        if len(kept) <= 1 or noticed.min() >= NOTICED:
            return kept
        del kept[int(noticed.argmin())]


def _pruned(shares: np.ndarray) -> list[int]:
    """Columns worth keeping: from all, the one that is missed least goes, while none is missed."""
    used = [column for column in range(shares.shape[1]) if shares[:, column].any()]
    kept = _noticed(shares, used)
    left = _Left(shares)
    best = left.error(kept)
    while len(kept) > 1:
        tried = {column: left.error([c for c in kept if c != column]) for column in kept}
        column, error = min(tried.items(), key=lambda item: item[1])
        if error > best * WORTH:
            break
        kept.remove(column)
        best = min(best, error)
    return kept
