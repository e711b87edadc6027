"""The pure optimisation problem: which option runs each task, and when.

Nothing here knows of neural networks: any graph of tasks can be planned. What is modelled:

* A **task** is done exactly once, by one of its **options**. An option occupies a device for a
  fixed duration, takes each input at an input port, and gives each output at an output port.
* A **port** is a class of transfers: a memory space together with a tensor format. Its name is
  opaque; the problem only states in which space it lies.
* A **tensor** is one output of one task. A consumer that reads it at the port where it was
  produced reads it directly. At any other port it has to be transferred first, once for each
  (tensor, port): several consumers at one port share the transfer.
* A **device** occupies resources (cores, queues). Things that occupy one resource never overlap
  in time. Transfers may occupy resources as well (the cores that copy, a link).
* An **entry** is what a task pays to start on a device other than the one an input comes from
  (the launch of a program). A task pays once, the largest of its inputs, and occupies its device
  meanwhile.
* A **space** holds the weights of all chosen options at all times; the workspace of an option
  while it runs; a tensor from the start of its producer until its last direct consumer and its
  last transfer end; a transferred tensor from the start of the transfer until its last consumer
  ends. Intervals are half open: what takes no time occupies no memory.
* The **objective** is the latency: the time when the last task ends.

Durations are whole nanoseconds, sizes whole bytes, so that solvers are exact.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import frozen

from bnnplan.planner.problem_rules import ProblemError, listed, validate

__all__ = [
    "Device",
    "Edge",
    "Entry",
    "Option",
    "Port",
    "Problem",
    "ProblemError",
    "ScheduledTransfer",
    "Solution",
    "Space",
    "Task",
    "Tensor",
    "TensorSize",
    "Transfer",
    "Violation",
    "ViolationCode",
    "named_choice",
]


@frozen
class Device:
    """Something that runs options.

    Attributes
    ----------
    name : str
        Unique among the devices.
    resources : frozenset of str
        Cores and queues that are busy while the device is, such as ``core:0``. A device without
        resources never waits (the host end of network inputs and outputs).
    """

    name: str
    resources: frozenset[str] = frozenset()


@frozen
class Space:
    """A memory space of `capacity` bytes; None where it is not limited."""

    name: str
    capacity: int | None = None


@frozen
class Port:
    """A memory space together with a tensor format, such as ``host/packed``."""

    name: str
    space: str


@frozen
class Option:
    """One way to do a task.

    Attributes
    ----------
    name : str
        Unique within the task.
    device : str
        The device that is busy for the duration.
    duration : int
        Nanoseconds.
    input_ports, output_ports : tuple of str
        One port for each input and each output of the task.
    space : str
        Where weights and workspace lie.
    weight_bytes, workspace_bytes : int
        Bytes held from start to end of the plan, and while the option runs.
    group : str
        A label shared by options of several tasks (a single configuration of the whole network),
        for comparisons; empty where there is none.
    """

    name: str
    device: str
    duration: int
    input_ports: tuple[str, ...]
    output_ports: tuple[str, ...]
    space: str
    weight_bytes: int = 0
    workspace_bytes: int = 0
    group: str = ""


@frozen
class Task:
    """Something to be done once, by one of its options."""

    name: str
    options: tuple[Option, ...]


@frozen
class TensorSize:
    """The bytes of a tensor at a port (formats differ in size)."""

    port: str
    bytes: int


@frozen
class Transfer:
    """Moving a tensor from a port to another takes `duration` ns and occupies `resources`.

    A transfer without resources overlaps freely with everything.
    """

    source: str
    target: str
    duration: int
    resources: frozenset[str] = frozenset()


@frozen
class Tensor:
    """One output of a task.

    Attributes
    ----------
    name : str
        Unique among the tensors.
    source : str
        The task that produces it.
    output : int
        Which output of that task it is, from 0.
    sizes : tuple of TensorSize
        The bytes at each port where it can be produced or read.
    transfers : tuple of Transfer
        The pairs of different ports it can move between; a pair that is missing is impossible.
    """

    name: str
    source: str
    output: int
    sizes: tuple[TensorSize, ...]
    transfers: tuple[Transfer, ...] = ()


@frozen
class Edge:
    """Task `target` reads `tensor` as its input number `input`, from 0."""

    tensor: str
    target: str
    input: int = 0


@frozen
class Entry:
    """A task on device `target` with an input from device `source` takes `duration` ns more."""

    source: str
    target: str
    duration: int


@frozen
class Problem:
    """A checked problem: building one raises `ProblemError` where something is wrong.

    Attributes
    ----------
    name : str
        For messages.
    tasks, tensors, edges : tuple
        The graph. Inputs and outputs of the whole are tasks too, with one option of duration 0
        on a device without resources.
    devices, spaces, ports, entries : tuple
        What the graph is done with. A pair of devices without an entry costs nothing.
    """

    name: str
    tasks: tuple[Task, ...]
    tensors: tuple[Tensor, ...]
    edges: tuple[Edge, ...]
    devices: tuple[Device, ...]
    spaces: tuple[Space, ...]
    ports: tuple[Port, ...]
    entries: tuple[Entry, ...] = ()

    def __attrs_post_init__(self) -> None:
        validate(self)


@frozen
class ScheduledTransfer:
    """A transfer of a solution, from `start` to `end` ns."""

    tensor: str
    source: str
    target: str
    start: int
    end: int


@frozen
class Solution:
    """Which option each task takes, and when everything happens.

    Attributes
    ----------
    choice : tuple of int
        For each task, in the order of ``problem.tasks``, the index of its option.
    starts, ends : tuple of int
        In the same order, when the task occupies its device (entry included), ns.
    transfers : tuple of ScheduledTransfer
        One for each (tensor, port) that is read but not produced there.
    objective : int
        The latency: the time when the last task ends, ns.
    """

    choice: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    transfers: tuple[ScheduledTransfer, ...]
    objective: int


class ViolationCode(enum.StrEnum):
    """What is wrong with a solution."""

    UNKNOWN_OPTION = "unknown-option"
    DURATION = "duration"
    PRECEDENCE = "precedence"
    TRANSFER_MISSING = "transfer-missing"
    TRANSFER_IMPOSSIBLE = "transfer-impossible"
    TRANSFER_SURPLUS = "transfer-surplus"
    RESOURCE_OVERLAP = "resource-overlap"
    MEMORY = "memory"
    OBJECTIVE = "objective"


@frozen
class Violation:
    """One rule that a solution breaks, with one line that says where."""

    code: ViolationCode
    message: str


def named_choice(problem: Problem, options: Mapping[str, str]) -> tuple[int, ...]:
    """Turn option names by task name into a choice.

    Raises
    ------
    ProblemError
        If a task has no name given, or a name is unknown.
    """
    known = {task.name for task in problem.tasks}
    for name in options:
        if name not in known:
            raise ProblemError(f"problem has no task {name!r}; it has {listed(known)}")
    choice = []
    for task in problem.tasks:
        names = [option.name for option in task.options]
        if task.name not in options:
            raise ProblemError(f"no option is given for task {task.name!r}")
        if options[task.name] not in names:
            raise ProblemError(
                f"task {task.name!r} has no option {options[task.name]!r}; it has {listed(names)}"
            )
        choice.append(names.index(options[task.name]))
    return tuple(choice)
