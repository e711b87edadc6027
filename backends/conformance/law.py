"""What a law is: a function of a device under examination and an example."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from attrs import frozen

from bnnplan.backends.conformance.subject import Subject


class Scope(enum.Enum):
    """What the examples of a law are."""

    DEVICE = "the device itself"
    ANSWER = "layers of one kind, supported or not"
    KIND = "supported layers of one kind"
    EXTREME = "supported layers of one kind with extreme shapes"
    LAYER = "supported layers of any kind"
    TENSOR = "tensors"
    NETWORK = "networks of supported layers"


BY_KIND = (Scope.ANSWER, Scope.KIND, Scope.EXTREME)
"""Scopes of the laws that are examined for each kind of layer."""


@frozen
class Law:
    """A rule of the backend interface that can be checked by examples.

    Parameters
    ----------
    name : str
    scope : Scope
    check : callable
        Takes a subject and an example of the scope; raises where the law is broken.
    """

    name: str
    scope: Scope
    check: Callable[[Subject, Any], None]

    @property
    def statement(self) -> str:
        """What the law says, in one sentence."""
        return (self.check.__doc__ or "").splitlines()[0]
