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
* An **export** is what has to happen once to a tensor made at a port before it can be transferred
  from there to anywhere (one download for several uploads). All its transfers wait for it.
* A **contiguous** device takes its tasks as one part: its tasks, the exports of what they make,
  and the transfers to them that occupy the device or move what one of them makes. Parts and other
  tasks never wait for each other in a circle. A part starts when everything that its tasks read
  from elsewhere has been made and exported; from its start to its end nothing else happens on the
  device. What it makes is there for others, and for transfers not its own, when all of it has
  ended.
* A **colocated** group of tasks lies on one device. A **switch** is an edge whose tasks lie on
  different devices, both with resources; `Problem.switches` limits their number.
* The **objectives** are measures (`Measure`), minimised one after the other: the second among the
  solutions that are best by the first. **Limits** hold for any measure.

One inference or a pipeline: if the period is an objective or limited, frames follow each other
every period and overlap. Then a choice alone decides everything:

* The **period** is the largest load of a resource, which is the sum of the durations of all that
  occupies it for one frame (entries included), or the duration of the longest transfer or export
  without resources, if that is larger.
* Every task, transfer and export has a **stage**, the least one that is possible: it is not before
  the stage of what it waits for (the makers of what it reads, and their exports and transfers), and
  after it unless the two share a resource, or one of them is a transfer or export that takes no
  time, or a task on a device without resources. A part has one stage.
* The **latency** of a frame is the number of stages times the period.
* A space holds all weights, and for each device that uses it the most that is held, at any of its
  tasks in the order of the graph (as listed, but depth first after what they read, by input), of:
  the workspace of that task, and tensors that are made and read in one stage on that device, or
  read nowhere, without a transfer, from their maker to their last reader. Every other tensor is
  held as often as it has stages from where it is made (or where its transfer is) to the last where
  it is read, transferred or exported.

Durations are whole nanoseconds, sizes whole bytes, energies whole nanojoules, so that solvers are
exact.
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
    "Export",
    "Limit",
    "Measure",
    "Option",
    "Port",
    "Problem",
    "ProblemError",
    "Space",
    "Task",
    "Tensor",
    "TensorSize",
    "Transfer",
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
    contiguous : bool
        Whether its tasks are one part, which runs as a whole.
    """

    name: str
    resources: frozenset[str] = frozenset()
    contiguous: bool = False


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
    energy : int
        Nanojoules.
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
    energy: int = 0


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

    A transfer without resources overlaps freely with everything. `energy` is in nanojoules.
    """

    source: str
    target: str
    duration: int
    resources: frozenset[str] = frozenset()
    energy: int = 0


@frozen
class Export:
    """What a tensor made at `port` takes once, before any transfer of it from there.

    `duration` in ns, during which `resources` are busy; `energy` in nanojoules.
    """

    port: str
    duration: int
    resources: frozenset[str] = frozenset()
    energy: int = 0


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
    exports : tuple of Export
        At most one a port; a port without one needs none.
    """

    name: str
    source: str
    output: int
    sizes: tuple[TensorSize, ...]
    transfers: tuple[Transfer, ...] = ()
    exports: tuple[Export, ...] = ()


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


class Measure(enum.StrEnum):
    """What a solution is measured by; less is better.

    Attributes
    ----------
    LATENCY
        Nanoseconds from 0 to the end of the last task, of one frame.
    PERIOD
        Nanoseconds between frames in a pipeline that is never idle for want of frames.
    ENERGY
        Nanojoules of one frame: chosen options, transfers and exports.
    MEMORY
        Bytes: the sum over all spaces of the most that each holds at once.
    """

    LATENCY = "latency"
    PERIOD = "period"
    ENERGY = "energy"
    MEMORY = "memory"


@frozen
class Limit:
    """A measure may be at most `most`, in the unit of the measure."""

    measure: Measure
    most: int


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
    objectives : tuple of Measure
        What to minimise, the first first; different ones, at least one.
    limits : tuple of Limit
        At most one a measure.
    colocated : tuple of tuple of str
        Groups of names of tasks that lie on one device each.
    switches : int or None
        The most edges that may change device; None where that is not limited.
    """

    name: str
    tasks: tuple[Task, ...]
    tensors: tuple[Tensor, ...]
    edges: tuple[Edge, ...]
    devices: tuple[Device, ...]
    spaces: tuple[Space, ...]
    ports: tuple[Port, ...]
    entries: tuple[Entry, ...] = ()
    objectives: tuple[Measure, ...] = (Measure.LATENCY,)
    limits: tuple[Limit, ...] = ()
    colocated: tuple[tuple[str, ...], ...] = ()
    switches: int | None = None

    def __attrs_post_init__(self) -> None:
        validate(self)

    @property
    def is_pipeline(self) -> bool:
        """Whether frames overlap: the period is minimised or limited."""
        limited = (limit.measure for limit in self.limits)
        return Measure.PERIOD in (*self.objectives, *limited)

    def limit(self, measure: Measure) -> int | None:
        """The most that a measure may be, if it is limited."""
        return next((limit.most for limit in self.limits if limit.measure is measure), None)


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
