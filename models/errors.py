"""Errors that a user can do something about.

Every error of bnnplan derives from :class:`BnnplanError`. Its message is one line and says what
was wrong, where, and what to do; the command line prints it as it is.
"""


class BnnplanError(Exception):
    """Base of all errors that bnnplan raises on purpose.

    Attributes
    ----------
    exit_code : int
        What the command line exits with: 1 error, 3 infeasible, 4 no plan in time, 130 interrupted.
    """

    exit_code: int = 1


class NetworkError(BnnplanError):
    """A network, layer or tensor that cannot be: mismatched shapes, cycles, bad weights."""


class UnsupportedError(BnnplanError):
    """Something valid that bnnplan cannot represent or run, such as an unknown operator."""


class FileError(BnnplanError):
    """A file that cannot be read or written: truncated, wrong schema, wrong field, full disk."""


class InputError(BnnplanError):
    """Input data that does not fit the network: wrong shape, element type or range."""
