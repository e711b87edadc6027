"""Networks to start from, by name: one trained, the others with random or given weights.

They come as they are trained, with batch norms and signs; see :mod:`bnnplan.models.lowering`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network
from bnnplan.models.network_file import load_network
from bnnplan.models.zoo.building import RANDOM_WEIGHTS, Weights
from bnnplan.models.zoo.plain import (
    btc_alexnet,
    btc_mlp,
    btc_vgg16,
    btc_vgg_cifar,
    hep_cifar,
    hep_fashion,
)
from bnnplan.models.zoo.residual import (
    bi_real_18,
    binary_densenet_28,
    btc_resnet14_cifar,
    btc_resnet18,
    quicknet,
)

TRAINED = "fashion"
"""Name of the trained network that is the default."""


def default_network() -> Network:
    """HEP-BNN's network, trained on Fashion-MNIST; takes plain pixels, 28×28×1 uint8."""
    return load_network(Path(__file__).with_name("fashion.bnn"))


def _trained(seed: int = 0, weights: Weights | None = None) -> Network:
    """HEP-BNN's network for Fashion-MNIST, trained; the default."""
    if weights is not None:
        raise InputError(f"network {TRAINED!r} is trained; give weights to 'hep-fashion' instead")
    return default_network()


ZOO: Mapping[str, Callable[[int, Weights | None], Network]] = {
    TRAINED: _trained,
    "hep-fashion": hep_fashion,
    "hep-cifar": hep_cifar,
    "btc-mlp": btc_mlp,
    "btc-vgg-cifar": btc_vgg_cifar,
    "btc-resnet14-cifar": btc_resnet14_cifar,
    "btc-alexnet": btc_alexnet,
    "btc-vgg16": btc_vgg16,
    "btc-resnet18": btc_resnet18,
    "bi-real-18": bi_real_18,
    "binary-densenet-28": binary_densenet_28,
    "quicknet": quicknet,
}
"""What builds each network from a seed and weights; the first line of its docstring says what."""


def build(name: str, *, seed: int = 0, weights: Weights | None = None) -> Network:
    """Build a network of the zoo.

    Parameters
    ----------
    name : str
        A key of :data:`ZOO`.
    seed : int
        Of random weights.
    weights : mapping of str to ndarray, optional
        All arrays of the network as ``node_field``, such as ``conv1_weight``, instead of random
        ones; an opened .npz file is such a mapping.

    Raises
    ------
    InputError
        For an unknown name, and for weights that are missing, too many or of a wrong shape.
    NetworkError
        For weights that a layer refuses, such as ±1 weights of another value.
    """
    if name not in ZOO:
        raise InputError(unknown_name(name))
    return ZOO[name](seed, weights)


def has_random_weights(network: Network) -> bool:
    """Whether the notes say that nobody trained the network, so that its answers mean nothing."""
    return any(note.startswith(RANDOM_WEIGHTS) for note in network.notes)


def summary(name: str) -> str:
    """What a network of the zoo is, in a line."""
    return (ZOO[name].__doc__ or "").splitlines()[0]


def unknown_name(name: str) -> str:
    """What to tell a user who named no network of the zoo."""
    near = difflib.get_close_matches(name, ZOO, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no network {name!r} in the zoo; {hint}known: {', '.join(ZOO)}"
