"""How results are compared with those of the reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnnplan.models.errors import BnnplanError
from bnnplan.models.tensors import ElementType, TensorType, decode, encode

SOFTMAX_TOLERANCE = 1e-5


class LawBrokenError(AssertionError):
    """A backend does not keep a law; says which results differ from what."""


def require(holds: bool, message: str) -> None:
    """Raise LawBrokenError with the message unless the statement holds."""
    if not holds:
        raise LawBrokenError(message)


def require_refusal(expected: type[BnnplanError], what: str, call: Callable[[], object]) -> None:
    """Require that a call raises an error of a kind, with a message of one line."""
    try:
        call()
    except expected as error:
        require(is_line(str(error)), f"the message for {what} must be one line: {error}")
        return
    except Exception as error:
        require(False, f"{what} must raise {expected.__name__}, not {error!r}")
    require(False, f"{what} must raise {expected.__name__}, but was accepted")


def is_line(text: object) -> bool:
    """Whether a value is one line of text."""
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text


def require_equal(
    array: np.ndarray, expected: np.ndarray, type: TensorType, tolerance: float, what: str
) -> None:
    """Compare an array in the shared format with a logical one.

    Zeros of either sign are equal, and so are NaNs. With a tolerance above 0, float32 elements
    may differ by so much times the largest magnitude that is expected, or times 1 if that is
    larger.

    Raises
    ------
    LawBrokenError
        That names the first element that differs.
    """
    wanted = encode(expected, type)
    require(
        array.shape == wanted.shape and array.dtype == wanted.dtype,
        f"{what} is {array.dtype} of shape {array.shape}, not {wanted.dtype} of {wanted.shape}",
    )
    if type.element is ElementType.FLOAT32 and tolerance > 0:
        finite = np.abs(wanted[np.isfinite(wanted)])
        margin = tolerance * max(1.0, float(finite.max(initial=0.0)))
        same = np.isclose(array, wanted, rtol=0, atol=margin, equal_nan=True)
    else:
        same = (array == wanted) | ((array != array) & (wanted != wanted))
    if same.all():
        return
    got = decode(array, type)
    differ = ~same if type.element is not ElementType.BIT else got != expected
    if not differ.any():
        raise LawBrokenError(f"{what}: the tail bits of the last word of a pixel are not all 0")
    place = tuple(int(index[0]) for index in np.nonzero(differ))
    raise LawBrokenError(
        f"{what}: {int(differ.sum())} of {differ.size} elements differ; the first is at "
        f"{place}: expected {expected[place]}, got {got[place]}"
    )
