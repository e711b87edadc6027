"""The laws of devices, their memory, and the programs that run on them."""

from __future__ import annotations

import re
import time

import numpy as np
from attrs import frozen

from bnnplan.backends.conformance.comparing import (
    is_line,
    require,
    require_equal,
    require_refusal,
)
from bnnplan.backends.conformance.linking import Assembly
from bnnplan.backends.conformance.networks import Sample
from bnnplan.backends.conformance.subject import Subject
from bnnplan.backends.interface import Buffer, Configuration
from bnnplan.models.errors import InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import Layer
from bnnplan.models.layers.base import Types
from bnnplan.models.tensors import TensorType, encode


@frozen
class Alien(Layer):
    """A layer that no backend knows."""

    def infer(self, inputs: Types) -> Types:
        return inputs


def devices(subject: Subject, _: None) -> None:
    """Devices are described completely, under unique names, and the same whenever asked for."""
    found, missing = subject.backend.devices()
    device = subject.device
    names = [item.name for item in found] + [item.name for item in missing]
    require(len(set(names)) == len(names), f"device names are not unique: {names}")
    require(device in found, f"{device.name} is not listed again, or differs: {found}")
    require(device.backend == subject.backend.name, f"{device.name} names another backend")
    require(device.kind in ("cpu", "gpu", "accelerator"), f"unknown kind {device.kind!r}")
    require(is_line(device.description), f"{device.name} needs a description of one line")
    require(bool(device.resources), f"{device.name} states no resources that it occupies")
    require(all(re.fullmatch(r"\w+:\S+", r) for r in device.resources), f"{device.resources}")
    require(device.threads >= 1, f"{device.name} has {device.threads} threads")
    capacity = device.space.capacity
    require(capacity is None or capacity > 0, f"{device.space} has no capacity")
    for item in missing:
        require(is_line(item.reason), f"{item.name} is unavailable without a reason of one line")


def transport(subject: Subject, example: tuple[TensorType, np.ndarray]) -> None:
    """What is uploaded is downloaded, in every format, and arrays are copied, not kept.

    So it is where tensors lie side by side in an arena, if the backend has any.
    """
    type, values = example
    shared = encode(values, type)
    named = subject.backend.formats(type)
    require(bool(named), f"no format for {type}")
    for format in named:
        array = subject.backend.convert(shared, type, type.format, format)
        buffer = subject.backend.allocate(subject.device, type, len(values), format)
        _describes(buffer, subject, type, len(values), format)
        sent = array.copy()
        subject.backend.upload(sent, buffer)
        sent.fill(0)
        subject.backend.download(buffer).fill(0)
        require_equal(subject.fetch(buffer), values, type, 0.0, f"what was uploaded as {format}")

    _share_an_arena(subject, type, values)


def _share_an_arena(subject: Subject, type: TensorType, values: np.ndarray) -> None:
    """Two tensors in one arena do not disturb each other."""
    backend, device = subject.backend, subject.device
    step = backend.alignment(device)
    require(step >= 1, f"tensors cannot be aligned to {step} bytes")
    offset = -(-type.nbytes(len(values)) // step) * step
    arena = backend.allocate_arena(device, offset + type.nbytes(len(values)))
    if arena is None:
        return
    pair = [arena.take(place, type, len(values)) for place in (0, offset)]
    contents = (values, np.flip(values))
    for buffer, content in zip(pair, contents, strict=True):
        _describes(buffer, subject, type, len(values), type.format)
        backend.upload(encode(content, type), buffer)
    for buffer, content in zip(pair, contents, strict=True):
        require_equal(subject.fetch(buffer), content, type, 0.0, "what lies in an arena")


def _describes(buffer: Buffer, subject: Subject, type: TensorType, batch: int, format: str) -> None:
    got = (buffer.type, buffer.batch, buffer.format, buffer.space)
    wanted = (type, batch, format, subject.device.space)
    require(got == wanted, f"the buffer says {got}, but {wanted} was allocated")


def linking(subject: Subject, sample: Sample) -> None:
    """A linked program gives what its steps give one by one, and gives it again."""
    assembly = Assembly(subject, sample)
    assembly.run()
    assembly.check("after a linked run")
    assembly.run()
    assembly.check("after a second run")


def timing(subject: Subject, sample: Sample) -> None:
    """A timed run computes the same and gives one whole, plausible time a step."""
    assembly = Assembly(subject, sample)
    start = time.perf_counter_ns()
    times = assembly.run(timed=True)
    whole = time.perf_counter_ns() - start
    steps = sum(len(program.steps) for program in assembly.programs)
    require(len(times) == steps, f"{len(times)} times for {steps} steps")
    sane = all(isinstance(t, int) and t >= 0 for t in times)
    require(sane, f"times must be whole and not negative: {times}")
    require(sum(times) <= whole, f"steps of {sum(times)} ns do not fit a run of {whole} ns")
    assembly.check("after a timed run")


def refusals(subject: Subject, example: tuple[TensorType, np.ndarray]) -> None:
    """Unknown layers and formats, and arrays that do not fit, are refused."""
    type, values = example
    backend, device = subject.backend, subject.device
    alien = BoundLayer(Alien(), (type,), len(values))
    require(is_line(backend.supports(alien, device)), "an unknown layer needs a reason")
    require_refusal(
        UnsupportedError,
        "preparing an unknown layer",
        lambda: subject.prepare(alien, Configuration()),
    )
    require_refusal(
        InputError,
        "an unknown format",
        lambda: backend.allocate(device, type, len(values), "no_such_format"),
    )
    buffer = subject.blank(type, len(values), type.format)
    array = encode(values, type)
    other = np.dtype(np.float64)
    longer = np.concatenate([array, array[:1]])
    require_refusal(InputError, "too many images", lambda: backend.upload(longer, buffer))
    require_refusal(InputError, "no images", lambda: backend.upload(array[:0], buffer))
    require_refusal(InputError, "one more axis", lambda: backend.upload(array[np.newaxis], buffer))
    require_refusal(InputError, "float64", lambda: backend.upload(array.astype(other), buffer))
