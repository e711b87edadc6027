"""CPU programs on the threads of pipelines: exact, with buffers that change from turn to turn."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest
from attrs import evolve

from bnnplan.backends.cpu import CpuBackend
from bnnplan.backends.cpu.program import CpuProgram
from bnnplan.backends.device import Device
from bnnplan.backends.host import HostBuffer, host_space
from bnnplan.backends.interface import Configuration, NativeProgram, Program, Step
from bnnplan.backends.pipeline import BindingSpec, NativePipeline, StageSpec, WaitSpec
from bnnplan.backends.reference import compute
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, Threshold
from bnnplan.models.tensors import ElementType, TensorType, decode, encode

CORES = sorted(os.sched_getaffinity(0))
TYPE = TensorType((6, 6, 70), ElementType.BIT)
SIGNS = np.array([-1, 1], np.int8)
FRAMES = 60


def device(cores: list[int]) -> Device:
    resources = frozenset(f"core:{core}" for core in cores)
    return Device(f"cpu0:{cores}", "cpu", "cpu", "test", host_space(), resources, len(cores))


def layer(seed: int) -> BinaryConv2d:
    random = np.random.default_rng(seed)
    limits = Threshold(random.integers(-20, 20, 70).astype(np.int32), random.random(70) < 0.5)
    weight = random.choice(SIGNS, (70, 3, 3, 70))
    return BinaryConv2d(weight, pads=(1, 1, 1, 1), threshold=limits)


def buffers(count: int) -> list[HostBuffer]:
    return [HostBuffer(TYPE, 1, host_space()) for _ in range(count)]


def linked(backend: CpuBackend, on: Device, layers: list[BinaryConv2d], threads: int) -> Program:
    chain = buffers(len(layers) + 1)
    steps = []
    for made, source, target in zip(layers, chain, chain[1:], strict=False):
        bound = BoundLayer(made, (TYPE,), 1)
        kernel = backend.prepare(bound, on, Configuration("YZ" if threads > 1 else "", threads))
        steps.append(Step(kernel, (source,), (target,)))
    return backend.link(steps)


def native(program: Program) -> NativeProgram:
    found = program.native
    assert found is not None
    return found


def bind(program: NativeProgram, key: tuple[int, int, bool], slots: np.ndarray, window: bool):
    return BindingSpec(
        program.pointers[key], slots.ctypes.data, slots.strides[0], len(slots), window=window
    )


def slots(count: int) -> np.ndarray:
    """Room for tensors, each on a cache line of its own."""
    shape = buffers(1)[0].array.shape
    nbytes = -(-TYPE.nbytes(1) // 64) * 64
    raw = np.zeros((count + 1) * nbytes, np.uint8)
    start = -raw.ctypes.data % 64
    rows = raw[start : start + count * nbytes].reshape(count, nbytes)
    return rows[:, : TYPE.nbytes(1)].view(np.uint64).reshape(count, *shape)


def test_the_pointers_of_a_program_are_those_of_its_buffers():
    program = linked(CpuBackend(), device(CORES[:1]), [layer(0), layer(1)], 1)
    found = native(program)
    assert found.cores == tuple(CORES[:1])
    assert set(found.pointers) == {(i, 0, output) for i in (0, 1) for output in (False, True)}
    for (step, position, output), address in found.pointers.items():
        at = program.steps[step]
        buffer = (at.outputs if output else at.inputs)[position]
        assert ctypes.c_void_p.from_address(address).value == buffer.array.ctypes.data
    assert CpuProgram([]).native is None


def test_blocks_of_a_cluster_share_packed_weights():
    backend = CpuBackend()
    here, there = (device(CORES[-1:]), device(CORES[:1]))
    other = evolve(here, name="other")
    one, two = (BoundLayer(layer(seed), (TYPE,), 1) for seed in range(2))
    plain, spread = Configuration(), Configuration("Z", 1)
    packed = [
        backend.prepare(bound, on, configuration).packed
        for bound in (one, two)
        for configuration in (plain, spread)
        for on in (here, there, other)
    ]
    assert len({id(handle) for handle in packed}) == 2 * 2 * 2
    assert all(packed[i] is packed[i + 1] for i in range(0, len(packed), 3))


def pipeline(
    parts: list[tuple[Device, list[BinaryConv2d], int]], ring: np.ndarray, window: np.ndarray
) -> tuple[list[StageSpec], list[Program]]:
    """A stage a part: the first reads the window, the last writes it, the ring lies between."""
    backend = CpuBackend()
    programs = [linked(backend, *part) for part in parts]
    stages = []
    for index, ((on, layers, _), program) in enumerate(zip(parts, programs, strict=True)):
        found = native(program)
        source, target = (0, 0, False), (len(layers) - 1, 0, True)
        last = index == len(parts) - 1
        bindings = [
            bind(found, source, window if index == 0 else ring, index == 0),
            bind(found, target, window if last else ring, last),
        ]
        waits = [WaitSpec(index - 1)] * (index > 0) + [WaitSpec(1, len(ring))] * (not last)
        cores = [int(name.partition(":")[2]) for name in sorted(on.resources)]
        stages.append(StageSpec([found], bindings, waits, cores))
    return stages, programs


SPLITS = [[(CORES[:1], 1), (CORES[:1], 1)]]
if len(CORES) > 1:
    SPLITS += [[(CORES[:1], 1), (CORES[1:2], 1)], [(CORES[:2], 2)], [(CORES[1:2], 1)]]


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_frames_that_pass_through_programs_are_exact(split):
    random = np.random.default_rng(7)
    layers = [layer(seed) for seed in range(2)]
    values = random.choice(SIGNS, (FRAMES, *TYPE.shape))
    frames = encode(values, TYPE)
    for made in layers:
        values = compute(made, [values])[0]
    window, ring = slots(5), slots(2)
    each = len(layers) // len(split)
    parts = [
        (device(list(cores)), layers[i * each : (i + 1) * each], threads)
        for i, (cores, threads) in enumerate(split)
    ]
    stages, programs = pipeline(parts, ring, window)
    put = taken = 0
    with NativePipeline([stages], len(window), keep=(programs, window, ring)) as running:
        running.start()
        while taken < FRAMES:
            for _ in range(min(running.room(0), FRAMES - put)):
                window[put % len(window)] = frames[put]
                running.put()
                put += 1
            for _ in range(running.take(1, timeout=10)):
                got = decode(window[taken % len(window)], TYPE)
                assert np.array_equal(got[0], values[taken]), f"frame {taken}"
                running.release()
                taken += 1
