"""The right values of every tensor, by the reference backend, and the check against them."""

from __future__ import annotations

import numpy as np

from bnnplan.backends.interface import Buffer, Kernel, Step
from bnnplan.backends.reference import evaluate
from bnnplan.models.errors import BnnplanError
from bnnplan.models.graph import Network, Node
from bnnplan.models.tensors import ElementType, TensorType, encode
from bnnplan.planner.execution.workbench import Workbench

FLOAT_TOLERANCE = 1e-4
"""Relative to the largest value of a tensor; only float32 outputs may differ at all."""
FIRST_RUNS = 3
GARBAGE = 0xA5
DISTINCT_IMAGES = 3
"""Odd, so that threads that share out a batch by halves do not all see the same images."""


class MismatchError(BnnplanError):
    """A kernel that does not compute what the reference backend computes."""


def random_feeds(
    network: Network, batch: int, seed: int | np.random.Generator
) -> dict[str, np.ndarray]:
    """Plain random elements for every network input, over the range that its type has."""
    random = np.random.default_rng(seed)
    feeds = {}
    for name, kind in network.inputs.items():
        shape = (batch, *kind.shape)
        if kind.element is ElementType.FLOAT32:
            feeds[name] = random.uniform(-1, 1, shape).astype(np.float32)
        elif kind.element is ElementType.BIT:
            feeds[name] = random.choice(np.array([-1, 1], np.int8), shape)
        else:
            bounds = np.iinfo(kind.element.dtype)
            low, high = max(bounds.min, -1000), min(bounds.max, 1000)
            feeds[name] = random.integers(low, high, shape, kind.element.dtype, endpoint=True)
    return feeds


def reference_values(
    network: Network, batch: int, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Random feeds, and what the reference backend computes from them.

    No layer mixes images, and the reference is slow: a large batch repeats a few images in turns.
    """
    few = random_feeds(network, min(batch, DISTINCT_IMAGES), seed)
    values = evaluate(network, few)
    feeds, repeated = (
        {name: np.resize(array, (batch, *array.shape[1:])) for name, array in arrays.items()}
        for arrays in (few, values)
    )
    return feeds, repeated


class Oracle:
    """Holds the reference values of all tensors, on the host and in each device's space.

    Parameters
    ----------
    bench : Workbench
    seed : int
        Of the random input images.
    """

    def __init__(self, bench: Workbench, seed: int) -> None:
        self.bench = bench
        network = bench.network
        everything = network.replace(network.nodes, outputs=tuple(network.types))
        self.feeds, values = reference_values(everything, bench.batch, seed)
        self.arrays = {name: encode(values[name], kind) for name, kind in network.types.items()}
        self._buffers: dict[tuple[str, str, str], Buffer] = {}

    def buffer(self, tensor: str, device: str, format: str) -> Buffer:
        """A buffer in the device's space that holds the right values."""
        key = (tensor, self.bench.device(device).space.name, format)
        if key not in self._buffers:
            kind = self.bench.network.types[tensor]
            backend = self.bench.backends[device]
            where = self.bench.device(device)
            self._buffers[key] = backend.allocate(where, kind, self.bench.batch, format)
            self.restore(tensor, device, self._buffers[key])
        return self._buffers[key]

    def restore(self, tensor: str, device: str, buffer: Buffer) -> None:
        """Upload the right values of a tensor."""
        backend = self.bench.backends[device]
        shared = self.arrays[tensor]
        backend.upload(
            backend.convert(shared, buffer.type, buffer.type.format, buffer.format), buffer
        )

    def step(self, node: Node, device: str, kernel: Kernel) -> Step:
        """The node's kernel on buffers that hold, and keep, the right values."""
        inputs = zip(node.inputs, kernel.input_formats, strict=True)
        outputs = zip(node.outputs, kernel.output_formats, strict=True)
        return Step(
            kernel,
            tuple(self.buffer(tensor, device, format) for tensor, format in inputs),
            tuple(self.buffer(tensor, device, format) for tensor, format in outputs),
        )

    def check_and_time(self, node: Node, device: str, kernel: Kernel) -> int:
        """Run a kernel a few times and compare its outputs; nanoseconds of the fastest run.

        Raises
        ------
        MismatchError
            If an output differs from the reference's.
        """
        backend = self.bench.backends[device]
        step = self.step(node, device, kernel)
        outputs = list(zip(node.outputs, step.outputs, strict=True))
        try:
            for tensor, buffer in outputs:
                # Whatever a kernel does not write shows: buffers take turns in memory.
                backend.upload(
                    backend.convert(
                        _garbage(self.arrays[tensor]),
                        buffer.type,
                        buffer.type.format,
                        buffer.format,
                    ),
                    buffer,
                )
            program = backend.link([step])
            fastest = min(program.run_timed()[0] for _ in range(FIRST_RUNS))
            for tensor, buffer in outputs:
                got = backend.convert(
                    backend.download(buffer), buffer.type, buffer.format, buffer.type.format
                )
                fault = difference(got, self.arrays[tensor], buffer.type)
                if fault:
                    raise MismatchError(f"differs from the reference in {tensor!r}: {fault}")
        finally:
            # Whatever happened: the next layers read these buffers.
            for tensor, buffer in outputs:
                self.restore(tensor, device, buffer)
        return fastest


def _garbage(array: np.ndarray) -> np.ndarray:
    """An array like one that no layer gives: the tails of packed words are not 0 either."""
    return np.full(array.nbytes, GARBAGE, np.uint8).view(array.dtype).reshape(array.shape)


def difference(got: np.ndarray, wanted: np.ndarray, kind: TensorType) -> str | None:
    """None if two arrays in the shared format agree, else what differs, in a few words."""
    if kind.element is not ElementType.FLOAT32:
        wrong = int(np.count_nonzero(got != wanted))
        return f"{wrong} of {wanted.size} values" if wrong else None
    finite = np.isfinite(wanted)
    if not np.array_equal(got[~finite], wanted[~finite], equal_nan=True):
        return "infinite values or NaNs in other places"
    scale = max(float(np.abs(wanted[finite]).max(initial=0.0)), 1.0)
    worst = float(np.abs(got[finite] - wanted[finite]).max(initial=0.0)) / scale
    # Written so that a NaN where there should be none is a difference.
    return None if worst <= FLOAT_TOLERANCE else f"largest relative error {worst:.2g}"
