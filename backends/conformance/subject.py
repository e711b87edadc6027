"""A device under examination, and how layers are run on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from bnnplan.backends.conformance.comparing import (
    SOFTMAX_TOLERANCE,
    LawBrokenError,
    require,
    require_equal,
)
from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.strategies import Case
from bnnplan.backends.interface import Backend, Buffer, Configuration, Device, Kernel
from bnnplan.backends.reference import compute
from bnnplan.models.graph import BoundLayer
from bnnplan.models.tensors import TensorType, encode

CONFIGURATIONS_AT_ONCE = 3


class Support:
    """How often layers of one kind were supported, and the reasons where they were not."""

    def __init__(self) -> None:
        self.supported = 0
        self.reasons: Counter[str] = Counter()

    @property
    def refused(self) -> int:
        """How often layers were not supported."""
        return self.reasons.total()

    @property
    def main_reason(self) -> str:
        """The most frequent reason, or nothing."""
        return next((reason for reason, _ in self.reasons.most_common(1)), "")


class Subject:
    """One device of one backend.

    Parameters
    ----------
    make : callable
        Makes an instance of the backend; called once more when two are needed.
    backend : Backend
    device : Device
    """

    def __init__(self, make: Callable[[], Backend], backend: Backend, device: Device) -> None:
        self.make = make
        self.backend = backend
        self.device = device
        self.support: dict[str, Support] = {}
        self.tested: set[tuple[str, Configuration]] = set()
        self.untested: dict[tuple[str, Configuration], Case] = {}

    @cached_property
    def twin(self) -> Subject:
        """The same device through another instance of the backend."""
        backend = self.make()
        found = [device for device in backend.devices()[0] if device.name == self.device.name]
        require(bool(found), f"a second instance of the backend lacks device {self.device.name}")
        return Subject(self.make, backend, found[0])

    def supports(self, bound: BoundLayer) -> bool:
        """Whether the device runs the layer."""
        return self.backend.supports(bound, self.device) is None

    def record_support(self, kind: str, reason: str | None) -> None:
        """Count an answer of `supports`."""
        known = self.support.setdefault(kind, Support())
        if reason is None:
            known.supported += 1
        else:
            known.reasons[reason] += 1

    def pick(self, bound: BoundLayer, choice: int) -> list[Configuration]:
        """A few of the layer's configurations, spread evenly from a chosen start."""
        offered = self.backend.configurations(bound, self.device)
        require(bool(offered), f"no configurations for {bound.signature}, which is supported")
        count = min(len(offered), CONFIGURATIONS_AT_ONCE)
        places = [choice + part * len(offered) // count for part in range(count)]
        return [offered[place % len(offered)] for place in places]

    def prepare(self, bound: BoundLayer, configuration: Configuration) -> Kernel:
        """A kernel of the device."""
        return self.backend.prepare(bound, self.device, configuration)

    def load(self, values: np.ndarray, type: TensorType, format: str) -> Buffer:
        """A buffer with the contents of a logical array."""
        buffer = self.backend.allocate(self.device, type, len(values), format)
        array = encode(values, type)
        if format != type.format:
            array = self.backend.convert(array, type, type.format, format)
        self.backend.upload(array, buffer)
        return buffer

    def blank(self, type: TensorType, batch: int, format: str) -> Buffer:
        """A buffer for a result; filled with garbage, so that missing results are seen."""
        buffer = self.backend.allocate(self.device, type, batch, format)
        if format == type.format:
            garbage = np.full(type.nbytes(batch), 0xA5, np.uint8)
            array = garbage.view(type.element.dtype).reshape(type.array_shape(batch))
            self.backend.upload(array, buffer)
        return buffer

    def fetch(self, buffer: Buffer) -> np.ndarray:
        """The contents of a buffer in the shared format of its type."""
        array = self.backend.download(buffer)
        if buffer.format != buffer.type.format:
            array = self.backend.convert(array, buffer.type, buffer.format, buffer.type.format)
        return array

    def tolerance(self, bound: BoundLayer) -> float:
        """How far float32 results of a layer may be off."""
        exact = KINDS[bound.layer.kind].exact
        return max(self.backend.float_tolerance, 0.0 if exact else SOFTMAX_TOLERANCE)

    def run(self, kernel: Kernel, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run a kernel on logical arrays; results in the shared format."""
        bound = kernel.bound
        wanted = zip(values, bound.inputs, kernel.input_formats, strict=True)
        inputs = [self.load(array, type, format) for array, type, format in wanted]
        made = zip(bound.outputs, kernel.output_formats, strict=True)
        outputs = [self.blank(type, bound.batch, format) for type, format in made]
        kernel.run(inputs, outputs)
        for index, (buffer, array) in enumerate(zip(inputs, values, strict=True)):
            require_equal(self.fetch(buffer), array, buffer.type, 0.0, f"input {index} after run")
        return [self.fetch(buffer) for buffer in outputs]

    def check(self, case: Case, configuration: Configuration) -> None:
        """Require that a kernel gives what the reference gives."""
        self.tested.add((case.bound.layer.kind, configuration))
        expected = compute(case.bound.layer, case.inputs)
        try:
            results = self.run(self.prepare(case.bound, configuration), case.inputs)
            self.compare(case.bound, results, expected)
        except LawBrokenError as error:
            raise LawBrokenError(f"configuration {configuration.label!r}: {error}") from None

    def compare(
        self, bound: BoundLayer, results: Sequence[np.ndarray], expected: Sequence[np.ndarray]
    ) -> None:
        """Require that results in the shared format equal logical arrays."""
        for index, (got, wanted) in enumerate(zip(results, expected, strict=True)):
            type = bound.outputs[index]
            require_equal(got, wanted, type, self.tolerance(bound), f"output {index}")
