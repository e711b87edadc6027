"""The laws that every backend keeps, in the order and with the numbers of the documentation.

A law is a function of a subject and an example; it returns if the law is kept and raises
:class:`LawBrokenError` with the reason if not. Any other exception breaks the law as well.
"""

from __future__ import annotations

import enum
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from attrs import frozen

from bnnplan.backends.conformance.comparing import require, require_equal
from bnnplan.backends.conformance.linking import Assembly
from bnnplan.backends.conformance.strategies import Case, Sample
from bnnplan.backends.conformance.subject import Subject
from bnnplan.backends.interface import Buffer, Configuration
from bnnplan.backends.reference import compute
from bnnplan.models.errors import BnnplanError, InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import Layer
from bnnplan.models.layers.base import Types
from bnnplan.models.tensors import TensorType, encode


class Scope(enum.Enum):
    """What the examples of a law are."""

    DEVICE = "the device itself"
    ANSWER = "layers of one kind, supported or not"
    KIND = "supported layers of one kind"
    EXTREME = "supported layers of one kind with extreme shapes"
    LAYER = "supported layers of any kind"
    TENSOR = "tensors"
    NETWORK = "networks of supported layers"


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


@frozen
class Alien(Layer):
    """A layer that no backend knows."""

    def infer(self, inputs: Types) -> Types:
        return inputs


def _refuses(expected: type[BnnplanError], what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except expected as error:
        require(_is_line(str(error)), f"the message for {what} must be one line: {error}")
        return
    except Exception as error:
        require(False, f"{what} must raise {expected.__name__}, not {error!r}")
    require(False, f"{what} must raise {expected.__name__}, but was accepted")


def _is_line(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text


def devices(subject: Subject, _: None) -> None:
    """Devices are described completely, under unique names, and the same whenever asked for."""
    found, missing = subject.backend.devices()
    device = subject.device
    names = [item.name for item in found] + [item.name for item in missing]
    require(len(set(names)) == len(names), f"device names are not unique: {names}")
    require(device in found, f"{device.name} is not listed again, or differs: {found}")
    require(device.backend == subject.backend.name, f"{device.name} names another backend")
    require(device.kind in ("cpu", "gpu", "accelerator"), f"unknown kind {device.kind!r}")
    require(_is_line(device.description), f"{device.name} needs a description of one line")
    require(bool(device.resources), f"{device.name} states no resources that it occupies")
    require(all(re.fullmatch(r"\w+:\S+", r) for r in device.resources), f"{device.resources}")
    require(device.threads >= 1, f"{device.name} has {device.threads} threads")
    capacity = device.space.capacity
    require(capacity is None or capacity > 0, f"{device.space} has no capacity")
    for item in missing:
        require(_is_line(item.reason), f"{item.name} is unavailable without a reason of one line")


def support(subject: Subject, case: Case) -> None:
    """A layer is supported, or the reason why not is one line and `prepare` refuses it."""
    reason = subject.backend.supports(case.bound, subject.device)
    require(reason is None or _is_line(reason), f"the reason must be one line, not {reason!r}")
    subject.record_support(case.bound.layer.kind, reason)
    if reason is not None:
        _refuses(
            UnsupportedError,
            "preparing an unsupported layer",
            lambda: subject.prepare(case.bound, Configuration()),
        )


def configurations(subject: Subject, case: Case) -> None:
    """Configurations are well-formed, unique and always the same."""
    offered = subject.backend.configurations(case.bound, subject.device)
    require(bool(offered), "a supported layer needs at least one configuration")
    again = subject.backend.configurations(case.bound, subject.device)
    require(offered == again, "a second call gives other configurations")
    labels = [item.label for item in offered]
    require(len(set(labels)) == len(labels), f"labels are not unique: {labels}")
    for item in offered:
        require(bool(re.fullmatch("X?Y?Z?", item.axes)), f"axes {item.axes!r} are not in XYZ")
        within = 1 <= item.threads <= subject.device.threads
        require(within, f"{item.label} uses {item.threads} of {subject.device.threads} threads")


def results(subject: Subject, case: Case) -> None:
    """Kernels give what the reference gives, write every element, and leave inputs alone."""
    offered = subject.backend.configurations(case.bound, subject.device)
    for configuration in offered:
        key = (case.bound.layer.kind, configuration)
        if key not in subject.tested:
            subject.untested.setdefault(key, case)
    for configuration in subject.pick(case.bound, case.choice):
        subject.check(case, configuration)


def extremes(subject: Subject, case: Case) -> None:
    """The same for the smallest, longest, widest and thinnest shapes."""
    for configuration in subject.pick(case.bound, case.choice):
        subject.check(case, configuration)


def repetition(subject: Subject, case: Case) -> None:
    """A kernel keeps nothing between runs: other inputs change later results in no bit."""
    kernel = subject.prepare(case.bound, subject.pick(case.bound, case.choice)[0])
    first = subject.run(kernel, case.inputs)
    others = [np.flip(values, axis=-1) for values in case.inputs]
    subject.compare(case.bound, subject.run(kernel, others), compute(case.bound.layer, others))
    again = subject.run(kernel, case.inputs)
    for index, (before, after) in enumerate(zip(first, again, strict=True)):
        require(before.tobytes() == after.tobytes(), f"output {index} differs when run again")


def concurrency(subject: Subject, case: Case) -> None:
    """Two instances of the backend compute at the same time without disturbing each other."""
    configuration = subject.pick(case.bound, case.choice)[0]
    pair = (subject, subject.twin)
    kernels = [one.prepare(case.bound, configuration) for one in pair]
    inputs = [case.inputs, tuple(np.flip(values, axis=-1) for values in case.inputs)]
    with ThreadPoolExecutor(2) as pool:
        work = zip(pair, kernels, inputs, strict=True)
        running = [pool.submit(one.run, kernel, values) for one, kernel, values in work]
        found = [future.result() for future in running]
    for one, values, arrays in zip(pair, inputs, found, strict=True):
        one.compare(case.bound, arrays, compute(case.bound.layer, values))


def memory(subject: Subject, case: Case) -> None:
    """Weight and workspace bytes are whole, fit the device, and are not below the weights."""
    configuration = subject.pick(case.bound, case.choice)[0]
    kernel = subject.prepare(case.bound, configuration)
    stated = (kernel.weight_bytes, kernel.workspace_bytes)
    for count in stated:
        require(isinstance(count, int) and count >= 0, f"bytes must be whole numbers: {stated}")
    weight = getattr(case.bound.layer, "weight", None)
    if weight is not None:
        bits = weight.size * (1 if weight.dtype == np.int8 else 32)
        least = -(-bits // 8)
        require(
            kernel.weight_bytes >= least,
            f"{least} bytes of weights cannot fit the {kernel.weight_bytes} bytes stated",
        )
    capacity = subject.device.space.capacity
    require(capacity is None or sum(stated) <= capacity, f"{stated} exceed {capacity} bytes")
    twin = subject.prepare(case.bound, configuration)
    again = (twin.weight_bytes, twin.workspace_bytes)
    require(stated == again, f"equal kernels state other bytes: {stated} and {again}")


def formats(subject: Subject, case: Case) -> None:
    """A kernel states one format an input and output, each of those its backend names."""
    bound = case.bound
    kernel = subject.prepare(bound, subject.pick(bound, case.choice)[0])
    stated = (*zip(bound.inputs, kernel.input_formats, strict=True),)
    stated += (*zip(bound.outputs, kernel.output_formats, strict=True),)
    for type, format in stated:
        named = subject.backend.formats(type)
        require(format in named, f"format {format!r} of {type} is none of {named}")
    same = (kernel.bound == bound, kernel.device == subject.device)
    require(all(same), "a kernel must state the layer and device that it was prepared for")


def transport(subject: Subject, example: tuple[TensorType, np.ndarray]) -> None:
    """What is uploaded is downloaded, in every format, and arrays are copied, not kept."""
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
    require(_is_line(backend.supports(alien, device)), "an unknown layer needs a reason")
    _refuses(
        UnsupportedError,
        "preparing an unknown layer",
        lambda: subject.prepare(alien, Configuration()),
    )
    _refuses(
        InputError,
        "an unknown format",
        lambda: backend.allocate(device, type, len(values), "no_such_format"),
    )
    buffer = subject.blank(type, len(values), type.format)
    array = encode(values, type)
    other = np.dtype(np.float64)
    longer = np.concatenate([array, array[:1]])
    _refuses(InputError, "too many images", lambda: backend.upload(longer, buffer))
    _refuses(InputError, "one more axis", lambda: backend.upload(array[np.newaxis], buffer))
    _refuses(InputError, "float64", lambda: backend.upload(array.astype(other), buffer))


def strange_configurations(subject: Subject, case: Case) -> None:
    """A configuration that is not offered is refused."""
    offered = subject.backend.configurations(case.bound, subject.device)
    strange = Configuration("XYZ", subject.device.threads + 1, "no such variant", (3, 1, 4))
    require(strange not in offered, f"{strange.label} is offered")
    _refuses(
        UnsupportedError,
        "an unknown configuration",
        lambda: subject.prepare(case.bound, strange),
    )


BY_KIND = (Scope.ANSWER, Scope.KIND, Scope.EXTREME)
"""Scopes of the laws that are examined for each kind of layer."""

LAWS: tuple[Law, ...] = (
    Law("devices", Scope.DEVICE, devices),
    Law("support", Scope.ANSWER, support),
    Law("configurations", Scope.LAYER, configurations),
    Law("results", Scope.KIND, results),
    Law("extremes", Scope.EXTREME, extremes),
    Law("repetition", Scope.LAYER, repetition),
    Law("concurrency", Scope.LAYER, concurrency),
    Law("memory", Scope.LAYER, memory),
    Law("formats", Scope.LAYER, formats),
    Law("transport", Scope.TENSOR, transport),
    Law("linking", Scope.NETWORK, linking),
    Law("timing", Scope.NETWORK, timing),
    Law("refusals", Scope.TENSOR, refusals),
    Law("strange configurations", Scope.LAYER, strange_configurations),
)
"""All laws; the number of a law is its place, from 1."""
