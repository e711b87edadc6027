"""Emits layers for traced tensors: names them, computes what is pending, moves what must move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import numpy as np
from attrs import evolve

from bnnplan.models.errors import NetworkError, UnsupportedError
from bnnplan.models.graph import Node
from bnnplan.models.layers import (
    Flatten,
    Layer,
    Reshape,
    ScaleBias,
    Transpose,
    content_digest,
)
from bnnplan.models.onnx.traced import (
    ATOMS,
    MAX_CHANNELS,
    Traced,
    identity,
    image,
    per_channel,
    without_units,
)
from bnnplan.models.tensors import ElementType, TensorType


class Builder:
    """Layers emitted so far.

    Parameters
    ----------
    opset : int
        Operator set of the file.
    fixed_batch : int, optional
        Batch extent that the file has fixed, and may name in shapes.

    Attributes
    ----------
    nodes : list of Node
    layers : dict of str to Layer
        The layer that made a tensor.
    assumptions : dict of str to str
        What was assumed, by the tensor that it is about.
    current : str
        Name of the ONNX operator being imported; new nodes are named after it.
    """

    def __init__(self, opset: int, fixed_batch: int | None = None) -> None:
        self.opset = opset
        self.fixed_batch = fixed_batch
        self.nodes: list[Node] = []
        self.assumptions: dict[str, str] = {}
        self.current = ""
        self.layers: dict[str, Layer] = {}
        self._names: set[str] = set()
        self._reserved: set[str] = set()
        self._shared: dict[tuple[str, str], Node] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Keep the names of the network's inputs and outputs from other tensors."""
        self._reserved.update(names)

    def emit(
        self, layer: Layer, inputs: Sequence[Traced], suffix: str = "", variant: str = ""
    ) -> list[tuple[str, TensorType]]:
        """Add a layer; names and types of its outputs.

        The same layer on the same inputs is made once, unless its `variant` differs.
        """
        names = [traced.name for traced in inputs]
        types = layer.infer(tuple(traced.type for traced in inputs))
        key = (content_digest(layer) + variant, "\0".join(names))
        node = self._shared.get(key)
        if node is None:
            name = self._unique(f"{self.current}.{suffix}" if suffix else self.current)
            count = len(types)
            plain = count == 1 and name not in self._reserved
            outputs = [name] if plain else [f"{name}:{k}" for k in range(count)]
            node = Node(name, layer, names, outputs)
            self.nodes.append(node)
            self._shared[key] = node
            self.layers.update(dict.fromkeys(outputs, layer))
        return list(zip(node.outputs, types, strict=True))

    def _unique(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        self._names.add(name)
        return name

    def apply(self, layer: Layer, source: Traced, suffix: str = "", variant: str = "") -> Traced:
        """Run a layer that keeps the shape on what `source` holds, pending affine disregarded."""
        (name, type), *_ = self.emit(layer, [source], suffix, variant)
        kept = evolve(source, name=name, type=type, padding=None, sign_of=None)
        return evolve(kept, affine=identity(type.channels))

    def plain(self, source: Traced) -> Traced:
        """The tensor with its affine map computed; padding must have been taken over."""
        if source.padding is not None:
            raise UnsupportedError("padding that no convolution or pooling follows")
        if source.affine.is_identity:
            return source
        norm = source.affine.norm
        layer: Layer = norm or ScaleBias(source.affine.scale, source.affine.bias)
        return self.apply(layer, source, "norm" if norm else "scale")

    def floats(self, source: Traced) -> Traced:
        """The ONNX graph's numbers as float32."""
        source = self.plain(source)
        if source.type.element is ElementType.FLOAT32:
            return source
        ones = np.ones(source.type.channels)
        return self.apply(ScaleBias(ones, np.zeros_like(ones)), source, "float")

    def vector(self, source: Traced) -> Traced:
        """The tensor as a vector of the network: rows, columns, channels in this order."""
        if not source.is_image:
            return source
        if source.padding is not None:
            raise UnsupportedError("padding that no convolution or pooling follows")
        places = source.extents[0] * source.extents[1]
        if places * source.extents[2] > MAX_CHANNELS:
            raise NetworkError(f"{self.shown(source)} as a vector; at most {MAX_CHANNELS} elements")
        affine = attrs.evolve(
            source.affine,
            scale=np.tile(source.affine.scale, places),
            bias=np.tile(source.affine.bias, places),
            norm=source.affine.norm if places == 1 else None,
        )
        (name, type), *_ = self.emit(Flatten(), [source], "flatten")
        return evolve(source, name=name, type=type, affine=affine, sign_of=None)

    def image(self, source: Traced) -> Traced:
        """The tensor as an image of the network."""
        if source.is_image:
            return source
        channels = source.extents[2]
        scale, bias = (a.reshape(-1, channels) for a in (source.affine.scale, source.affine.bias))
        if not ((scale == scale[0]).all() and (bias == bias[0]).all()):
            return self.image(self.plain(source))
        (name, type), *_ = self.emit(Reshape(source.extents), [source], "reshape")
        norm = source.affine.norm if len(scale) == 1 else None
        affine = attrs.evolve(source.affine, scale=scale[0], bias=bias[0], norm=norm)
        return evolve(source, name=name, type=type, affine=affine, sign_of=None)

    def arranged(self, source: Traced, axes: tuple[str, ...]) -> Traced:
        """An image of which the ONNX axes are made of exactly the given atoms.

        Where they are not, the elements are moved.
        """
        if len(source.axes) != len(axes):
            raise UnsupportedError(f"a tensor of shape {self.shown(source)} where an image is due")
        source = self.image(source)
        if source.axes == without_units(axes, source.extents):
            return source
        wanted = dict.fromkeys(ATOMS, "")
        for have, atom in zip(source.axes, axes, strict=True):
            wanted[atom] = have
        free = [a for a in ATOMS if a not in "".join(source.axes)]
        order = tuple(wanted[atom] or free.pop() for atom in ATOMS)
        if source.axes[0] != "N" or sorted(order) != sorted(ATOMS):
            raise UnsupportedError(f"a tensor of shape {self.shown(source)} where an image is due")
        moved = self._transposed(source, order)
        return evolve(moved, axes=without_units(axes, moved.extents))

    def in_order(self, source: Traced) -> Traced:
        """The tensor with its elements in the ONNX graph's order, were it flattened."""
        atoms = [atom for axis in source.axes[1:] for atom in axis]
        if source.axes[0] != "N":
            raise UnsupportedError(f"a batch axis that is not first: {self.shown(source)}")
        if atoms == sorted(atoms, key=ATOMS.index):
            return source
        free = [atom for atom in ATOMS if atom not in atoms]
        moved = self._transposed(self.image(source), tuple(free + atoms))
        renamed = dict(zip(free + atoms, ATOMS, strict=True), N="N")
        axes = tuple("".join(renamed[atom] for atom in axis) for axis in source.axes)
        return evolve(moved, axes=without_units(axes, moved.extents))

    def _transposed(self, source: Traced, order: tuple[str, ...]) -> Traced:
        """Atoms moved so that `order` become height, width, channels; axes are the caller's."""
        uniform = all((a == a[0]).all() for a in (source.affine.scale, source.affine.bias))
        if not uniform or source.padding is not None:
            source = self.plain(source)
        height, width, channels = map(ATOMS.index, order)
        layer = Transpose((height, width, channels))
        (name, type), *_ = self.emit(layer, [source], "transpose")
        made = image(name, type, source.axes)
        first = (source.affine.scale[0], source.affine.bias[0])
        return evolve(made.then(*first), axes=source.axes, sign_of=None)

    def channelwise(
        self, source: Traced, *constants: np.ndarray | float
    ) -> tuple[Traced, list[np.ndarray]]:
        """Constants that are broadcast against a tensor, as numbers per channel of it.

        An image becomes a vector if one of them varies from place to place.
        """
        arrays = [np.asarray(constant) for constant in constants]
        found = [per_channel(source, array) for array in arrays]
        if any(numbers is None for numbers in found):
            source = self.vector(source)
            found = [per_channel(source, array) for array in arrays]
        return source, [numbers for numbers in found if numbers is not None]

    def then(self, source: Traced, scale: np.ndarray | float, bias: np.ndarray | float) -> Traced:
        """One more affine step with constants of the ONNX graph, broadcast as ONNX does."""
        source, (scales, biases) = self.channelwise(source, scale, bias)
        if (scales == 1).all() and (biases == 0).all():
            return source
        return source.then(scales, biases)

    @staticmethod
    def shown(source: Traced) -> str:
        """The ONNX shape as text."""
        return "×".join("N" if axis == "N" else str(source.extent(axis)) for axis in source.axes)
