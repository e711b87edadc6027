"""How a tensor of an ONNX graph is expressed by a tensor of the network.

ONNX tensors have any order of axes; the network's images are (height, width, channels) and its
vectors (channels,). A :class:`Traced` therefore names the network's tensor and says of which
*atoms* every ONNX axis is made: ``N`` the batch, ``H``, ``W``, ``C`` the axes of the image. An
NCHW image has the axes ``("N", "C", "H", "W")``, its flattened form ``("N", "CHW")`` over the
same, unmoved elements. Atoms of extent 1 are left out, so ``""`` is an axis of extent 1. Moving
axes about thus costs nothing until somebody needs the elements in another order.

A traced tensor also carries what has not been computed yet: an affine map per channel, kept in
float64 until a layer needs its result, and padding that the next convolution takes over.
"""

from __future__ import annotations

import math

import numpy as np
from attrs import evolve, frozen

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.layers import BatchNorm
from bnnplan.models.tensors import ElementType, TensorType

BATCH = 1_000_003
"""Stands for the batch extent where graphs compute with shapes: a prime no real extent contains."""

ATOMS = "HWC"
MAX_CHANNELS = 2**24
"""More channels than this are a damaged file rather than a network."""


@frozen(eq=False)
class Affine:
    """``y = x * scale + bias`` per channel, not yet computed.

    Parameters
    ----------
    scale, bias : ndarray of float64, shape (C,)
    norm : BatchNorm, optional
        The batch normalisation that the map is, if it is exactly one.
    """

    scale: np.ndarray
    bias: np.ndarray
    norm: BatchNorm | None = None

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return bool((self.scale == 1).all() and (self.bias == 0).all())

    def then(self, scale: np.ndarray | float, bias: np.ndarray | float) -> Affine:
        """The map followed by another."""
        return Affine(self.scale * scale, self.bias * scale + bias)


@frozen(eq=False)
class Padding:
    """Taps around an image that only the next window layer sees.

    Parameters
    ----------
    pads : (top, left, bottom, right)
    value : float
        What the taps read, in the ONNX graph's numbers.
    """

    pads: tuple[int, int, int, int]
    value: float


@frozen(eq=False)
class Traced:
    """An ONNX tensor, expressed by a tensor of the network; see the module.

    Parameters
    ----------
    name : str
        The network's tensor.
    type : TensorType
    extents : (height, width, channels)
        Extents of the atoms; a vector tensor may still consist of H, W and C.
    axes : tuple of str
        Atoms of each ONNX axis.
    affine : Affine
        What turns the network's elements into the ONNX graph's numbers.
    padding : Padding, optional
    sign_of : Traced, optional
        Set on the result of ONNX ``Sign``, whose 0 for 0 bits cannot hold, and on affine maps of
        it: what it is the sign of.
    """

    name: str
    type: TensorType
    extents: tuple[int, int, int]
    axes: tuple[str, ...]
    affine: Affine
    padding: Padding | None = None
    sign_of: Traced | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The ONNX shape, with `BATCH` for the batch extent and padding counted."""
        return tuple(self.extent(axis) for axis in self.axes)

    @property
    def is_image(self) -> bool:
        """Whether the network's tensor has height, width and channels."""
        return len(self.type.shape) == 3

    @property
    def is_bit(self) -> bool:
        """Whether the network's tensor holds bits."""
        return self.type.element is ElementType.BIT

    def extent(self, axis: str) -> int:
        """Elements along an ONNX axis made of the given atoms."""
        found = dict(zip(ATOMS, self.extents, strict=True), N=BATCH)
        if self.padding is not None:
            top, left, bottom, right = self.padding.pads
            found["H"] += top + bottom
            found["W"] += left + right
        return math.prod(found[atom] for atom in axis)

    def then(self, scale: np.ndarray | float, bias: np.ndarray | float) -> Traced:
        """The tensor with one more affine step, per channel of the network's tensor."""
        padding = self.padding
        if padding is not None:
            value = np.unique(padding.value * np.asarray(scale) + np.asarray(bias))
            if value.size != 1:
                raise UnsupportedError("padding followed by different scales per channel")
            padding = evolve(padding, value=float(value[0]))
        return evolve(self, affine=self.affine.then(scale, bias), padding=padding)


def identity(channels: int) -> Affine:
    """The affine map that changes nothing."""
    return Affine(np.ones(channels), np.zeros(channels))


def without_units(axes: tuple[str, ...], extents: tuple[int, int, int]) -> tuple[str, ...]:
    """The axes with atoms of extent 1 left out."""
    units = [atom for atom, extent in zip(ATOMS, extents, strict=True) if extent == 1]
    return tuple("".join(atom for atom in axis if atom not in units) for axis in axes)


def image(name: str, type: TensorType, axes: tuple[str, ...]) -> Traced:
    """A tensor as some layer has just made it.

    Parameters
    ----------
    name : str
    type : TensorType
        Of an image or a vector.
    axes : tuple of str
        Atoms of each ONNX axis; units may be named.
    """
    if type.channels > MAX_CHANNELS:
        raise NetworkError(f"tensor {name!r} has {type.channels} channels; at most {MAX_CHANNELS}")
    height, width, channels = type.shape if len(type.shape) == 3 else (1, 1, type.shape[0])
    extents = (height, width, channels)
    return Traced(name, type, extents, without_units(axes, extents), identity(channels))


def per_element(traced: Traced, constant: np.ndarray) -> np.ndarray:
    """A constant of the ONNX graph that is broadcast against a tensor, in the network's order.

    Returns
    -------
    ndarray, shape (H or 1, W or 1, C or 1)

    Raises
    ------
    UnsupportedError
        If the constant differs between images or would enlarge the tensor.
    """
    if constant.size == 1:
        return constant.reshape(1, 1, 1)
    rank = len(traced.axes)
    lead = constant.shape[: max(0, constant.ndim - rank)]
    shape = (1,) * (rank - constant.ndim) + constant.shape[len(lead) :]
    fits = all(
        have == 1 or (axis != "N" and have == traced.extent(axis))
        for have, axis in zip(shape, traced.axes, strict=True)
    )
    if math.prod(lead) != 1 or not fits or traced.padding is not None:
        shown = tuple("N" if e == BATCH else e for e in traced.shape)
        raise UnsupportedError(f"a constant of shape {constant.shape} beside a tensor of {shown}")
    present = [a for have, axis in zip(shape, traced.axes, strict=True) if have > 1 for a in axis]
    extents = dict(zip(ATOMS, traced.extents, strict=True))
    split = constant.reshape([extents[atom] for atom in present])
    ordered = sorted(present, key=ATOMS.index)
    split = split.transpose([present.index(atom) for atom in ordered])
    return split.reshape([extents[atom] if atom in present else 1 for atom in ATOMS])


def per_channel(traced: Traced, constant: np.ndarray) -> np.ndarray | None:
    """The constant as one number per channel of the network's tensor.

    Returns
    -------
    ndarray of float64, shape (C,), or None
        None for an image over which the constant varies from place to place: it must be made a
        vector first.
    """
    values = per_element(traced, np.asarray(constant, dtype=np.float64))
    if not traced.is_image:
        return np.broadcast_to(values, traced.extents).reshape(-1)
    if not (values == values[:1, :1]).all():
        return None
    return np.broadcast_to(values[0, 0], (traced.type.channels,)).copy()
