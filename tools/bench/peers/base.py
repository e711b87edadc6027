"""What a peer is, and how its results are compared with ours."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from bnnplan.models.errors import BnnplanError, UnsupportedError
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType
from peers.forms import lowered_without


class DisagreementError(BnnplanError):
    """A peer that does not compute what we compute; it must not be timed."""


class Peer(ABC):
    """A network made ready to run in another engine.

    Parameters
    ----------
    network : Network
    threads : int
    batch : int
        Images computed at once.

    Raises
    ------
    UnsupportedError
        If the engine is not installed or cannot run the network; the message says why.
    """

    package: ClassVar[str]
    """Distribution that the engine comes in."""
    what: ClassVar[str]
    """What of the engine runs, for tables."""
    rows_as_pixels: ClassVar[bool] = False
    """Whether it has convolutions only, which take the rows of a product as pixels."""
    pad_value: ClassVar[int] = 0
    """What it pads with where it gives bits: 0, or 1 if it cannot pad by 0."""

    def __init__(self, network: Network, threads: int, batch: int) -> None:
        require(self.package)
        self.network = network
        self.threads = threads
        self.batch = batch

    @staticmethod
    def form(network: Network) -> Network:
        """What to hand over of a network as it was trained."""
        return lowered_without(network)

    @classmethod
    def label(cls) -> str:
        """Engine, version and kind."""
        try:
            version = importlib.metadata.version(cls.package)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        return " ".join(part for part in (cls.package, version, cls.what) if part)

    @abstractmethod
    def feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        """Hand over plain inputs, (batch, *shape); not timed, so that no layout is charged."""

    @abstractmethod
    def run(self) -> None:
        """Compute the outputs once."""

    @abstractmethod
    def worst(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Largest difference of each output of the last run from plain values; bits are ±1."""


def require(package: str) -> None:
    """Raise UnsupportedError unless a distribution is installed."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise UnsupportedError(
            f"{package} is not installed; pip install '.[bench]' in the checkout"
        ) from error


def to_nchw(array: np.ndarray) -> np.ndarray:
    """(N, H, W, C) as contiguous (N, C, H, W); vectors as (N, C, 1, 1)."""
    if array.ndim == 2:
        return np.ascontiguousarray(array)[:, :, np.newaxis, np.newaxis]
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def from_nchw(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(N, C, H, W) as (N, *shape), channels last."""
    return array.transpose(0, 2, 3, 1).reshape(len(array), *shape)


def differences(
    ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Largest difference of each output; infinite where shapes differ or something is NaN."""
    found = {}
    for name, mine in ours.items():
        other = theirs[name].astype(np.float64).ravel()
        if other.size != mine.size or np.isnan(other).any():
            found[name] = float("inf")
        else:
            found[name] = float(np.abs(mine.astype(np.float64).ravel() - other).max())
    return found


def check_agreement(peer: Peer, ours: Mapping[str, np.ndarray], tolerance: float) -> None:
    """Raise DisagreementError if a peer computed something else than we.

    Parameters
    ----------
    peer : Peer
        After a run.
    ours : mapping of str to ndarray
        Our plain outputs.
    tolerance : float
        Largest difference of float32 outputs, as a share of the largest magnitude; bits and
        integers must be the same.
    """
    for name, worst in peer.worst(ours).items():
        exact = peer.network.types[name].element is not ElementType.FLOAT32
        largest = max(float(np.abs(ours[name]).max()), 1.0)
        if worst > (0.0 if exact else tolerance * largest):
            raise DisagreementError(
                f"computes something else: {name!r} differs by up to {worst:.2g}, where the "
                f"largest value is {largest:.2g}"
            )
