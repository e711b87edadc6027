"""The laws of single layers: what is supported, how it runs, and what it gives."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from attrs import evolve

from bnnplan.backends.conformance.comparing import is_line, require, require_refusal
from bnnplan.backends.conformance.strategies import Case
from bnnplan.backends.conformance.subject import Subject
from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import compute
from bnnplan.models.errors import UnsupportedError


def support(subject: Subject, case: Case) -> None:
    """A layer is supported, or the reason why not is one line and `prepare` refuses it."""
    reason = subject.backend.supports(case.bound, subject.device)
    require(reason is None or is_line(reason), f"the reason must be one line, not {reason!r}")
    subject.record_support(case.bound.layer.kind, reason)
    if reason is not None:
        require_refusal(
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
    if subject.backend.divisible and kernel.weight_bytes:
        _require_shared(subject, case)


def _require_shared(subject: Subject, case: Case) -> None:
    """Parts of a device hold the weights of a configuration once."""
    device = subject.device
    offered = subject.backend.configurations(case.bound, device)
    configuration = next((one for one in offered if one.threads == 1), None)
    if configuration is None or device.threads != len(device.resources):
        return
    cores = sorted(device.resources)
    parts = [
        evolve(device, name=f"{device.name}:{number}", resources=frozenset([core]), threads=1)
        for number, core in enumerate(cores[:2])
    ]
    kernels = [subject.backend.prepare(case.bound, one, configuration) for one in (device, *parts)]
    shared = all(one.packed is kernels[0].packed for one in kernels)
    require(shared, f"{configuration.label}: parts of {device.name} do not share their weights")


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


def strange_configurations(subject: Subject, case: Case) -> None:
    """A configuration that is not offered is refused."""
    offered = subject.backend.configurations(case.bound, subject.device)
    strange = Configuration("XYZ", subject.device.threads + 1, "no such variant", (3, 1, 4))
    require(strange not in offered, f"{strange.label} is offered")
    require_refusal(
        UnsupportedError,
        "an unknown configuration",
        lambda: subject.prepare(case.bound, strange),
    )
