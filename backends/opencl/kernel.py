"""Layers made ready for an OpenCL device, and programs that enqueue whole segments of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from bnnplan.backends.interface import Buffer, Configuration, Device, Kernel, Program, Step
from bnnplan.backends.opencl.launch import Input, Launch, Output, Sizes, Struct, work_sizes
from bnnplan.backends.opencl.memory import ClBuffer
from bnnplan.backends.opencl.session import Session
from bnnplan.models.errors import InputError
from bnnplan.models.graph import BoundLayer

FAILED = "failed while running"


class BoundLaunch(NamedTuple):
    """A kernel with all its arguments set, and how many work-items run it."""

    kernel: Any
    global_size: Sizes
    local_size: Sizes


class ClKernel(Kernel):
    """The launches of one layer, with programs compiled and weights uploaded.

    Parameters
    ----------
    bound : BoundLayer
    device : Device
    configuration : Configuration
    session : Session
    launches : sequence of Launch
    """

    def __init__(
        self,
        bound: BoundLayer,
        device: Device,
        configuration: Configuration,
        session: Session,
        launches: Sequence[Launch],
    ) -> None:
        arrays = [a for launch in launches for a in launch.arguments if isinstance(a, np.ndarray)]
        super().__init__(
            bound, device, configuration, weight_bytes=sum(array.nbytes for array in arrays)
        )
        self.session = session
        self._launches = [
            (launch, session.program(launch.program), self._values(launch)) for launch in launches
        ]

    def _values(self, launch: Launch) -> list[Any]:
        """The arguments that no buffer changes, as the driver takes them."""
        cl, context = self.session.cl, self.session.context
        flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
        values: list[Any] = []
        with self.session.errors("has no memory for weights"):
            for argument in launch.arguments:
                if isinstance(argument, np.ndarray):
                    array = np.ascontiguousarray(argument)
                    values.append(cl.Buffer(context, flags, hostbuf=array))
                elif isinstance(argument, Struct):
                    values.append(np.array(argument.values, np.int32))
                else:
                    values.append(argument)
        return values

    def bind(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> list[BoundLaunch]:
        """Kernels with all arguments set, so that enqueueing them costs little.

        Raises
        ------
        InputError
            If the buffers do not fit the layer, or lie on another device.
        """
        self._check(inputs, self.bound.inputs, "input")
        self._check(outputs, self.bound.outputs, "output")
        result = []
        cl = self.session.cl
        for launch, program, values in self._launches:
            with self.session.errors(FAILED):
                kernel = cl.Kernel(program, launch.kernel)
                for place, value in enumerate(values):
                    if isinstance(value, Input | Output):
                        buffers = inputs if isinstance(value, Input) else outputs
                        value = buffers[value.index].handle  # type: ignore[attr-defined]
                    kernel.set_arg(place, value)
            global_size, local_size = work_sizes(
                launch,
                self.configuration.axes,
                is_cpu=self.device.kind == "cpu",
                units=int(self.session.handle.max_compute_units),
                group=int(self.session.handle.max_work_group_size),
            )
            result.append(BoundLaunch(kernel, global_size, local_size))
        return result

    def _check(self, buffers: Sequence[Buffer], types: Sequence[object], role: str) -> None:
        fits = len(buffers) == len(types) and all(
            isinstance(buffer, ClBuffer)
            and buffer.session is self.session
            and (buffer.type, buffer.batch) == (type, self.bound.batch)
            for buffer, type in zip(buffers, types, strict=True)
        )
        if not fits:
            wanted = ", ".join(map(str, types))
            raise InputError(
                f"{self.bound.layer.kind} on {self.device.name} takes {role} buffers of that "
                f"device for {wanted}, batch {self.bound.batch}"
            )

    def run(self, inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
        """Compute the outputs and return when they are complete."""
        ClProgram([Step(self, tuple(inputs), tuple(outputs))]).run()


class ClProgram(Program):
    """A segment as kernels with their arguments set, enqueued without waiting in between.

    Parameters
    ----------
    steps : sequence of Step
        Their kernels are all of one device.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(steps)
        self._launches: list[list[BoundLaunch]] = []
        sessions = set()
        for step in steps:
            if not isinstance(step.kernel, ClKernel):
                raise InputError(f"a kernel of {step.kernel.device.name} is no OpenCL kernel")
            self._launches.append(step.kernel.bind(step.inputs, step.outputs))
            sessions.add(step.kernel.session)
        if len(sessions) > 1:
            names = ", ".join(sorted(session.name for session in sessions))
            raise InputError(f"one program runs on one device, not on {names}")
        self._session: Session | None = next(iter(sessions), None)
        self._flat = [launch for launches in self._launches for launch in launches]

    def run(self) -> None:
        """Enqueue all kernels in order and wait once."""
        session = self._session
        if session is None:
            return
        queue, enqueue = session.queue, session.cl.enqueue_nd_range_kernel
        with session.errors(FAILED):
            for kernel, global_size, local_size in self._flat:
                enqueue(queue, kernel, global_size, local_size)
            queue.finish()

    def run_timed(self) -> list[int]:
        """Run; nanoseconds of each step by the device's clock, from the end of the one before.

        The first step counts from when it was handed to the device.
        """
        session = self._session
        if session is None:
            return []
        queue, enqueue = session.timed_queue, session.cl.enqueue_nd_range_kernel
        with session.errors(FAILED):
            events = [
                [enqueue(queue, *launch) for launch in launches] for launches in self._launches
            ]
            queue.finish()
            ends = [events[0][0].profile.submit, *(step[-1].profile.end for step in events)]
        return [max(0, end - start) for start, end in pairwise(ends)]
