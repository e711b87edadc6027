"""Backends that are wrong in one way each: the kit must find every one of them."""

import json
import subprocess
import sys
import time

import attrs
import numpy as np
import pytest

from bnnplan.backends.conformance import KINDS, LAWS, Examination, check_backend, examination
from bnnplan.backends.conformance.law import BY_KIND
from bnnplan.backends.host import HostArena
from bnnplan.backends.interface import Configuration, Program, Unavailable
from bnnplan.backends.reference import ReferenceBackend, compute
from bnnplan.backends.reference.backend import ReferenceKernel
from bnnplan.models.errors import UnsupportedError
from bnnplan.models.layers import Threshold
from bnnplan.models.tensors import ElementType, decode, encode


class Tampered(ReferenceBackend):
    """A reference backend whose kernels go through `compute`, which subclasses replace."""

    def prepare(self, bound, device, configuration):
        super().prepare(bound, device, Configuration())
        kernel = TamperedKernel(bound, device, configuration)
        kernel.backend = self
        return kernel

    def compute(self, bound, values, configuration):
        return compute(bound.layer, values)

    def finish(self, array, type):
        return array


class TamperedKernel(ReferenceKernel):
    def run(self, inputs, outputs):
        values = [decode(buffer.array, buffer.type) for buffer in inputs]
        found = self.backend.compute(self.bound, values, self.configuration)
        for buffer, result in zip(outputs, found, strict=True):
            array = self.backend.finish(encode(result, buffer.type), buffer.type)
            np.copyto(buffer.array, array)


class WrongTail(Tampered):
    def finish(self, array, type):
        used = type.channels % 64
        if type.element is ElementType.BIT and used:
            array[..., -1] |= np.uint64(2**64 - 2**used)
        return array


class ZeroPadsAreOnes(Tampered):
    def compute(self, bound, values, configuration):
        return compute(attrs.evolve(bound.layer, pad_value=1), values)


class ThresholdOffByOne(Tampered):
    def compute(self, bound, values, configuration):
        fused = bound.layer.threshold
        if fused is not None:
            later = np.where(fused.threshold < 2**31 - 1, fused.threshold + np.int32(1), 2**31 - 1)
            moved = Threshold(later.astype(np.int32), fused.flip)
            return compute(attrs.evolve(bound.layer, threshold=moved), values)
        return compute(bound.layer, values)


class TiesAreBelow(Tampered):
    def compute(self, bound, values, configuration):
        layer = bound.layer
        below, above = values[0] <= layer.threshold, values[0] > layer.threshold
        return [np.where(np.where(layer.flip, above, below), np.int8(-1), np.int8(1))]


class NaNIsNegative(Tampered):
    def compute(self, bound, values, configuration):
        return [np.where(values[0] >= 0, np.int8(1), np.int8(-1))]


class MinimumIgnored(Tampered):
    def compute(self, bound, values, configuration):
        return compute(attrs.evolve(bound.layer, minimum=None), values)


class PooledMinimumIgnored(Tampered):
    def compute(self, bound, values, configuration):
        layer = bound.layer
        if layer.pool is None:
            return compute(layer, values)
        largest = attrs.evolve(layer.pool, minimum=None)
        return compute(attrs.evolve(layer, pool=largest), values)


class RestOfAPooledRowKept(Tampered):
    """Windows begin at the far end, so that an odd extent leaves out the first column."""

    def compute(self, bound, values, configuration):
        layer = bound.layer
        found = compute(attrs.evolve(layer, pool=None), values)
        if layer.pool is None:
            return found
        return [compute(layer.pool, [found[0][:, :, ::-1]])[0][:, :, ::-1]]


class ScaledInDouble(Tampered):
    """One rounding in place of two."""

    def compute(self, bound, values, configuration):
        layer = bound.layer
        [found] = compute(attrs.evolve(layer, scale_bias=None), values)
        if layer.scale_bias is None:
            return [found]
        scale, bias = (
            array.astype(np.float64) for array in (layer.scale_bias.scale, layer.scale_bias.bias)
        )
        return [(found * scale + bias).astype(np.float32)]


class AnyOrderOfSums(Tampered):
    def compute(self, bound, values, configuration):
        bias = 0 if bound.layer.bias is None else bound.layer.bias
        return [(values[0] @ bound.layer.weight.T + bias).astype(np.float32)]


class SixteenBitSums(Tampered):
    def compute(self, bound, values, configuration):
        return [
            out.astype(np.int16).astype(np.int32) if out.dtype == np.int32 else out
            for out in compute(bound.layer, values)
        ]


class LastElementForgotten(TamperedKernel):
    def run(self, inputs, outputs):
        before = outputs[0].array.flat[-1]
        super().run(inputs, outputs)
        outputs[0].array.flat[-1] = before


class InputDestroyed(TamperedKernel):
    def run(self, inputs, outputs):
        super().run(inputs, outputs)
        inputs[0].array.fill(0)


class FirstResultKept(TamperedKernel):
    kept = None

    def run(self, inputs, outputs):
        super().run(inputs, outputs)
        self.kept = self.kept or [buffer.array.copy() for buffer in outputs]
        for buffer, array in zip(outputs, self.kept, strict=True):
            np.copyto(buffer.array, array)


class SharedScratch(TamperedKernel):
    scratch = None

    def run(self, inputs, outputs):
        SharedScratch.scratch = [decode(buffer.array, buffer.type) for buffer in inputs]
        time.sleep(0.002)
        found = compute(self.bound.layer, SharedScratch.scratch)
        for buffer, result in zip(outputs, found, strict=True):
            np.copyto(buffer.array, encode(result, buffer.type))


class ForgetfulMemory(TamperedKernel):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.weight_bytes = 0


class FractionalMemory(TamperedKernel):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.workspace_bytes = 0.5


class SecretFormat(TamperedKernel):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.output_formats = tuple("secret" for _ in self.output_formats)


def with_kernel(kind):
    class WithKernel(Tampered):
        def prepare(self, bound, device, configuration):
            ReferenceBackend.prepare(self, bound, device, Configuration())
            kernel = kind(bound, device, configuration)
            kernel.backend = self
            return kernel

    return WithKernel


class OneOfManyWrong(Tampered):
    """Right in 39 configurations and wrong in one."""

    def configurations(self, bound, device):
        return [Configuration(tile=(size,)) for size in range(40)]

    def compute(self, bound, values, configuration):
        found = compute(bound.layer, values)
        return [-out for out in found] if configuration.tile == (23,) else found


class TwoAlike(Tampered):
    def configurations(self, bound, device):
        return [Configuration(), Configuration()]


class TooManyThreads(Tampered):
    def configurations(self, bound, device):
        return [Configuration("ZX", device.threads)]


class EmptyReason(Tampered):
    def supports(self, bound, device):
        return ""


class AcceptsTheRefused(Tampered):
    def supports(self, bound, device):
        return "I would rather not"

    def prepare(self, bound, device, configuration):
        return ReferenceKernel(bound, device, configuration)


class KeepsArrays(Tampered):
    def upload(self, array, buffer):
        super().upload(array, buffer)
        buffer.array = array


class LendsArrays(Tampered):
    def download(self, buffer):
        return buffer.array


class TakesAnything(Tampered):
    def upload(self, array, buffer):
        try:
            super().upload(array, buffer)
        except Exception:
            buffer.array.fill(0)


class AnyConfiguration(Tampered):
    def prepare(self, bound, device, configuration):
        return ReferenceKernel(bound, device, configuration)


class LastStepForgotten(Tampered):
    def link(self, steps):
        return Program(steps[:-1])


class NoTimes(Program):
    def run_timed(self):
        self.run()
        return []


class TimesTooLong(Program):
    def run_timed(self):
        return [10**12 + time for time in super().run_timed()]


class Untimed(Tampered):
    def link(self, steps):
        return NoTimes(steps)


class Boasting(Tampered):
    def link(self, steps):
        return TimesTooLong(steps)


class OneForAll(HostArena):
    def take(self, offset, type, batch):
        return super().take(0, type, batch)


class Crowded(Tampered):
    def allocate_arena(self, device, nbytes):
        return OneForAll(nbytes, device.space)


class NoResources(Tampered):
    def devices(self):
        return [attrs.evolve(super().devices()[0][0], resources=())], []


class NewNames(Tampered):
    calls = 0

    def devices(self):
        self.calls += 1
        return [attrs.evolve(super().devices()[0][0], name=f"reference{self.calls}")], []


class DividedInVain(Tampered):
    """Each part of a device packs weights of its own."""

    divisible = True

    def devices(self):
        return [attrs.evolve(super().devices()[0][0], resources=["core:0"], threads=1)], []


BROKEN = [
    (WrongTail, "results", "Sign", "tail bits"),
    (WrongTail, "results", "Split", "tail bits"),
    (WrongTail, "linking", "", "tail bits"),
    (ZeroPadsAreOnes, "results", "BinaryConv2d", "expected"),
    (ThresholdOffByOne, "results", "BinaryConv2d", "expected"),
    (ThresholdOffByOne, "results", "BinaryDense", "expected"),
    (TiesAreBelow, "results", "Threshold", "expected"),
    (NaNIsNegative, "results", "Sign", "expected"),
    (MinimumIgnored, "results", "MaxPool2d", "expected"),
    (PooledMinimumIgnored, "results", "BinaryConv2d", "expected"),
    (PooledMinimumIgnored, "results", "BinaryWeightConv2d", "expected"),
    (RestOfAPooledRowKept, "results", "BinaryConv2d", "expected"),
    (ScaledInDouble, "results", "BinaryDense", "expected"),
    (ScaledInDouble, "results", "BinaryConv2d", "expected"),
    (AnyOrderOfSums, "results", "FloatDense", "expected"),
    (SixteenBitSums, "extremes", "BinaryDense", "expected"),
    (SixteenBitSums, "extremes", "BinaryConv2d", "expected"),
    (with_kernel(LastElementForgotten), "results", "Add", "1 of 1 elements differ"),
    (with_kernel(InputDestroyed), "results", "Clip", "input 0 after run"),
    (with_kernel(FirstResultKept), "repetition", "", "expected"),
    (with_kernel(SharedScratch), "concurrency", "", "expected"),
    (with_kernel(ForgetfulMemory), "memory", "", "bytes of weights cannot fit"),
    (with_kernel(FractionalMemory), "memory", "", "whole numbers"),
    (DividedInVain, "memory", "", "do not share their weights"),
    (with_kernel(SecretFormat), "formats", "", "format 'secret'"),
    (OneOfManyWrong, "results", "Softmax", "configuration '- 23'"),
    (TwoAlike, "configurations", "", "labels are not unique"),
    (TooManyThreads, "configurations", "", "axes 'ZX'"),
    (EmptyReason, "support", "Flatten", "the reason must be one line"),
    (AcceptsTheRefused, "support", "Flatten", "but was accepted"),
    (KeepsArrays, "transport", "", "what was uploaded as"),
    (LendsArrays, "transport", "", "what was uploaded as"),
    (Crowded, "transport", "", "what lies in an arena"),
    (TakesAnything, "refusals", "", "too many images"),
    (AnyConfiguration, "strange configurations", "", "but was accepted"),
    (LastStepForgotten, "linking", "", "after a linked run"),
    (Untimed, "timing", "", "0 times for 1 steps"),
    (Boasting, "timing", "", "do not fit a run"),
    (NoResources, "devices", "", "no resources"),
    (NewNames, "devices", "", "is not listed again"),
]


@pytest.mark.parametrize(("backend", "law", "kind", "words"), BROKEN)
def test_the_kit_finds(backend, law, kind, words):
    rule = next(rule for rule in LAWS if rule.name == law)
    [outcome] = Examination(backend, seed=1).examine(rule, kind, 200)
    assert outcome.failure is not None
    assert words in outcome.failure


def test_a_right_backend_through_the_same_path_passes():
    rule = next(rule for rule in LAWS if rule.name == "results")
    [outcome] = Examination(Tampered, seed=1).examine(rule, "BinaryConv2d", 50)
    assert outcome.failure is None
    assert outcome.examples >= 50


class NoPooling(ReferenceBackend):
    def supports(self, bound, device):
        if bound.layer.kind == "MaxPool2d" or bound.batch > 2:
            return "no pooling, no big batches"
        return super().supports(bound, device)

    def prepare(self, bound, device, configuration):
        if reason := self.supports(bound, device):
            raise UnsupportedError(reason)
        return super().prepare(bound, device, configuration)


def test_what_is_not_supported_is_counted_with_its_reason():
    examination = Examination(NoPooling, seed=1)
    rows = {row.kind: row for row in examination.support()}
    assert rows["MaxPool2d"].supported == 0
    assert rows["MaxPool2d"].reason == "no pooling, no big batches"
    assert rows["Sign"].supported > 0
    assert rows["Sign"].refused > 0
    rules = {rule.name: rule for rule in LAWS}
    [outcome] = examination.examine(rules["results"], "MaxPool2d", 20)
    assert (outcome.examples, outcome.unsupported) == (0, "no pooling, no big batches")
    [outcome] = examination.examine(rules["results"], "Sign", 20)
    assert outcome.failure is None
    assert outcome.examples >= 20


def test_check_backend_reports_every_law_and_kind(monkeypatch):
    monkeypatch.setattr(examination, "get_backend", {"mine": WrongTail()}.get)
    seen = []
    report = check_backend("mine", 3, lambda *done: seen.append(done), seed=1)
    assert not report.passed
    by_kind = [rule for rule in LAWS if rule.scope in BY_KIND]
    assert len(report.rows) == len(LAWS) - len(by_kind) + len(by_kind) * len(KINDS)
    failed = {(row.law, row.kind) for row in report.rows if row.failure}
    assert ("results", "Threshold") in failed
    assert ("results", "FloatDense") not in failed
    assert {row.kind for row in report.support} == set(KINDS)
    assert seen[0] == (0.0, "devices")
    assert seen[-1] == (1.0, "")
    assert len(seen) == len(report.rows) + 1
    document = json.loads(json.dumps(report.as_dict()))
    assert document["passed"] is False
    results = {(row["law"], row["kind"]): row["result"] for row in document["rows"]}
    assert results["results", "Threshold"] == "failed"
    assert results["results", "FloatDense"] == "passed"


def test_a_backend_without_devices_does_not_pass(monkeypatch):
    class Nothing(ReferenceBackend):
        def devices(self):
            return [], [Unavailable("reference0", "switched off")]

    monkeypatch.setattr(examination, "get_backend", {"mine": Nothing()}.get)
    report = check_backend("mine", 3)
    assert (report.rows, report.passed) == ((), False)
    assert report.unavailable == (Unavailable("reference0", "switched off"),)


def python(code, folder):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def test_a_check_needs_no_pytest_and_leaves_nothing_behind(tmp_path):
    code = """
import sys
from bnnplan.backends.conformance import check_backend, examination
from bnnplan.backends.reference import ReferenceBackend
examination.get_backend = lambda name: ReferenceBackend()
assert check_backend("reference", 1).passed
assert "pytest" not in sys.modules
"""
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_hypothesis_the_kit_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['hypothesis'] = None; import bnnplan.backends.conformance"
    assert "pip install 'bnnplan[test]'" in python(code, tmp_path).stderr
