"""Least squares with coefficients that are never negative."""

from __future__ import annotations

import numpy as np

TOLERANCE, TINY, RIDGE = 1e-10, 1e-300, 1e-12


def non_negative(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The x >= 0 that minimises ``|matrix · x - wanted|``.

    Parameters
    ----------
    matrix : ndarray, shape (M, N)
    wanted : ndarray, shape (M,)

    Returns
    -------
    ndarray, shape (N,)
    """
    return non_negative_of_products(matrix.T @ matrix, matrix.T @ wanted)


def non_negative_of_products(products: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """The same from ``matrixᵀ · matrix`` and ``matrixᵀ · wanted``, however long the matrix was.

    The active set method of Lawson and Hanson, "Solving Least Squares Problems" (1974), chapter 23,
    on these products as in Bro and de Jong, "A fast non-negativity-constrained least squares
    algorithm", Journal of Chemometrics 11, 1997.
    """
    scale = np.sqrt(np.diag(products))
    scale = np.where(scale > 0, scale, 1.0)
    products, moments = products / np.outer(scale, scale), moments / scale
    count = len(moments)
    # Columns that say the same, but for rounding, are told apart by this much.
    products = products + RIDGE * np.eye(count)
    least = TOLERANCE * max(float(np.abs(moments).max(initial=0.0)), TINY)
    found = np.zeros(count)
    passive = np.zeros(count, np.bool_)
    # Each round lowers the error and ends in another passive set; a bound for what rounding does.
    for _ in range(10 * count + 10):
        gradient = moments - products @ found
        gradient[passive] = -np.inf
        if not count or gradient.max() <= least:
            break
        passive[np.argmax(gradient)] = True
        while True:
            chosen = np.flatnonzero(passive)
            solved = np.zeros(count)
            solved[chosen] = np.linalg.solve(products[np.ix_(chosen, chosen)], moments[chosen])
            below = passive & (solved <= 0)
            if not below.any():
                found = solved
                break
            steps = found[below] / np.maximum(found[below] - solved[below], TINY)
            found = found + steps.min() * (solved - found)
            passive &= found > TOLERANCE
            found[~passive] = 0.0
    result: np.ndarray = found / scale
    return result
