"""Thread teams and programs: exact under many short runs, side by side, pinned and not."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from cpu_harness import free_team

from bnnplan.backends.cpu import CpuBackend
from bnnplan.backends.cpu.native import ffi, lib
from bnnplan.backends.cpu.program import CpuKernel, CpuProgram, Team
from bnnplan.backends.cpu.table import lookup
from bnnplan.backends.host import HostBuffer, host_space
from bnnplan.backends.interface import Configuration, Device, DeviceError, Program, Step
from bnnplan.backends.reference import compute
from bnnplan.models.errors import InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, Flatten, MaxPool2d, Threshold
from bnnplan.models.tensors import ElementType, TensorType, decode, encode

SIGNS = np.array([-1, 1], np.int8)
CORES = sorted(os.sched_getaffinity(0))


class FreeTeam(Team):
    """Threads that are not pinned: as many as a test wants, whatever cores there are."""

    def __init__(self, threads: int) -> None:
        self.handle = free_team(threads)


def device(cores: list[int]) -> Device:
    resources = frozenset(f"core:{core}" for core in cores)
    return Device("cpu", "cpu", "cpu", "test", host_space(), resources, len(cores))


def chain(team: Team, on: Device, threads: list[int], seed: int = 0) -> tuple[Program, np.ndarray]:
    """Convolutions and poolings in a row, and what the last one must give."""
    random = np.random.default_rng(seed)
    type = TensorType((9, 9, 70), ElementType.BIT)
    values = random.choice(SIGNS, (2, *type.shape))
    buffer = HostBuffer(type, 2, on.space)
    buffer.array[...] = encode(values, type)
    steps = []
    for i, count in enumerate(threads):
        limits = Threshold(random.integers(-20, 20, 70).astype(np.int32), random.random(70) < 0.5)
        weight = random.choice(SIGNS, (70, 3, 3, 70))
        convolution = BinaryConv2d(weight, pads=(1, 1, 1, 1), threshold=limits)
        layer = MaxPool2d((2, 2), (1, 1), (1, 0, 0, 1)) if i % 3 == 2 else convolution
        bound = BoundLayer(layer, (type,), 2)
        configuration = Configuration(("YZ", "X", "XYZ")[i % 3], count)
        function = lookup(bound)
        assert function is not None
        kernel = CpuKernel(bound, on, configuration, function(bound, configuration), team)
        type = bound.outputs[0]
        output = HostBuffer(type, 2, on.space)
        steps.append(Step(kernel, (buffer,), (output,)))
        values = compute(layer, [values])[0]
        buffer = output
    return CpuProgram(steps), values


def last(program: Program) -> HostBuffer:
    buffer = program.steps[-1].outputs[0]
    assert isinstance(buffer, HostBuffer)
    return buffer


@pytest.mark.parametrize("threads", [[1], [2, 2, 2], [1, 1, 4, 1, 2, 3, 3, 1], [4, 1, 1, 4]])
def test_programs_are_exact_in_every_of_many_short_runs(threads):
    program, expected = chain(FreeTeam(4), device([0, 1, 2, 3]), threads)
    for run in range(200):
        last(program).array[...] = 0
        program.run()
        got = decode(last(program).array, last(program).type)
        assert np.array_equal(got, expected), f"run {run}"


def test_threads_that_slept_take_part_again():
    program, expected = chain(FreeTeam(3), device([0, 1, 2]), [3, 1, 3])
    for _ in range(5):
        time.sleep(0.02)
        last(program).array[...] = 0
        program.run()
        assert np.array_equal(decode(last(program).array, last(program).type), expected)


@pytest.mark.parametrize("shared", [True, False])
def test_programs_in_several_threads_at_once_are_exact(shared):
    common = FreeTeam(2)
    teams = [common if shared else FreeTeam(2 + i) for i in range(3)]
    pairs = [chain(team, device([0, 1]), [2, 1, 2], i) for i, team in enumerate(teams)]
    wrong: list[int] = []

    def work(index: int) -> None:
        program, expected = pairs[index]
        for _ in range(100):
            last(program).array[...] = 0
            program.run()
            if not np.array_equal(decode(last(program).array, last(program).type), expected):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a program hangs"
    assert not wrong


@pytest.mark.parametrize("cores", [CORES[:1], CORES])
def test_the_caller_keeps_its_affinity(cores):
    before = os.sched_getaffinity(0)
    program, expected = chain(Team(cores), device(cores), [len(cores)] * 2)
    for _ in range(3):  # brief programs leave a caller alone that stands on a core of the team
        program.run()
        assert os.sched_getaffinity(0) == before
        assert np.array_equal(decode(last(program).array, last(program).type), expected)


@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")
def test_a_caller_on_another_core_is_moved_and_keeps_its_affinity():
    program, expected = chain(Team(CORES[1:2]), device(CORES[1:2]), [1])
    program.run()
    try:
        os.sched_setaffinity(0, CORES[:1])
        last(program).array[...] = 0
        program.run()
        assert os.sched_getaffinity(0) == set(CORES[:1])
    finally:
        os.sched_setaffinity(0, CORES)
    assert np.array_equal(decode(last(program).array, last(program).type), expected)


def test_times_of_steps_add_up_to_no_more_than_the_run():
    program, expected = chain(FreeTeam(2), device([0, 1]), [1, 2, 1, 2])
    start = time.perf_counter_ns()
    times = program.run_timed()
    whole = time.perf_counter_ns() - start
    assert len(times) == 4
    assert all(nanoseconds > 0 for nanoseconds in times)
    assert sum(times) <= whole
    assert np.array_equal(decode(last(program).array, last(program).type), expected)


def test_a_forked_child_gets_an_error_and_not_a_deadlock():
    program, _ = chain(FreeTeam(2), device([0, 1]), [2])
    program.run()
    child = os.fork()
    if child == 0:
        try:
            program.run()
        except UnsupportedError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_teams_refuse_cores_that_they_cannot_have():
    foreign = max(CORES) + 1
    with pytest.raises(InputError, match=f"core {foreign} is none that this process may use"):
        Team([foreign])
    with pytest.raises(InputError, match="stands twice"):
        Team([CORES[0], CORES[0]])
    with pytest.raises(InputError, match="1 to 1024 threads"):
        Team([])


def test_kernels_refuse_more_threads_than_the_team_has():
    with pytest.raises(InputError, match="step 1 wants 3 threads, but its team has 2"):
        chain(FreeTeam(2), device([0, 1]), [2, 3])


def test_programs_refuse_steps_of_two_teams_and_wrong_buffers():
    first, _ = chain(FreeTeam(1), device([0]), [1])
    second, _ = chain(Team(CORES[:1]), device([0]), [1])
    with pytest.raises(DeviceError, match="one prepared device"):
        CpuProgram([*first.steps, *second.steps])
    step = first.steps[0]
    small = HostBuffer(TensorType((1, 1, 1), ElementType.BIT), 2, host_space())
    with pytest.raises(InputError, match=r"takes 2 × 9×9×70 bit in host memory, not 2 × 1×1×1 bit"):
        CpuProgram([Step(step.kernel, (small,), step.outputs)])
    with pytest.raises(InputError, match="takes 1 buffers, not 0"):
        CpuProgram([Step(step.kernel, (), step.outputs)])


def test_empty_programs_run():
    program = CpuBackend().link([])
    program.run()
    assert program.run_timed() == []


def test_backends_refuse_more_threads_than_the_device_has():
    backend = CpuBackend()
    on = backend.devices()[0][0]
    bound = BoundLayer(Flatten(), (TensorType((1, 1, 4), ElementType.BIT),))
    with pytest.raises(UnsupportedError, match=f"has {on.threads}"):
        backend.prepare(bound, on, Configuration("", on.threads + 1))


def test_programs_hold_the_largest_workspace_of_their_kernels():
    program, _ = chain(FreeTeam(4), device([0, 1, 2, 3]), [1, 4, 2])
    assert isinstance(program, CpuProgram)
    most = max(step.kernel.workspace_bytes for step in program.steps)
    assert lib.bnn_program_workspace_bytes(program._handle) == most > 0
    assert lib.bnn_program_workspace_bytes(ffi.NULL) == 0
