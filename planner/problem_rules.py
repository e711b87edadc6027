"""What a problem must fulfil, checked in one place, each fault one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bnnplan.models.errors import BnnplanError
from bnnplan.planner.problem_sums import horizon, most_bytes, most_energy

if TYPE_CHECKING:
    from bnnplan.planner.problem import Edge, Problem, Tensor

LIMIT = 2**53 - 1
"""Largest value and largest sum (ns or bytes): beyond it, floats in solvers are not exact."""


class ProblemError(BnnplanError):
    """A problem, or something said about one, that cannot be."""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Name the first few of `names`, for messages."""
    ordered = list(names)
    more = f", … ({len(ordered)} in all)" if len(ordered) > most else ""
    return (", ".join(repr(name) for name in ordered[:most]) + more) or "none"


def validate(problem: Problem) -> None:
    """Raise `ProblemError`, one line, for the first thing that is wrong with `problem`."""
    if not problem.tasks:
        raise ProblemError("problem has no tasks: nothing to plan")
    _check_names(problem)
    _check_numbers(problem)
    _check_references(problem)
    _check_slots(problem)
    _check_wishes(problem)
    _check_sums(problem)
    _check_acyclic(problem)


def _check_names(problem: Problem) -> None:
    kinds: tuple[tuple[str, Iterable[Any]], ...] = (
        ("task", problem.tasks),
        ("tensor", problem.tensors),
        ("device", problem.devices),
        ("space", problem.spaces),
        ("port", problem.ports),
    )
    for kind, things in kinds:
        _check_unique(kind, (thing.name for thing in things))
    for task in problem.tasks:
        if not task.options:
            raise ProblemError(f"task {task.name!r} has no options: no device can run it")
        _check_unique(f"task {task.name!r}: option", (option.name for option in task.options))


def _check_unique(what: str, names: Iterable[object]) -> None:
    seen = set()
    for name in names:
        if not isinstance(name, str) or not name:
            raise ProblemError(f"{what} name must be a text of at least one character: {name!r}")
        if name in seen:
            raise ProblemError(f"{what} name {name!r} is used twice; names must differ")
        seen.add(name)


def _numbers(problem: Problem) -> Iterator[tuple[object, tuple[str, ...]]]:
    """Give every number of the problem, and the words that say where it is."""
    for task in problem.tasks:
        for option in task.options:
            where = "task", task.name, "option", option.name
            yield option.duration, (*where, "duration")
            yield option.weight_bytes, (*where, "weight_bytes")
            yield option.workspace_bytes, (*where, "workspace_bytes")
            yield option.energy, (*where, "energy")
    for tensor in problem.tensors:
        yield tensor.output, ("tensor", tensor.name, "output")
        for size in tensor.sizes:
            yield size.bytes, ("tensor", tensor.name, "port", size.port, "bytes")
        for move in tensor.transfers:
            where = "transfer from", move.source, "to", move.target
            yield move.duration, ("tensor", tensor.name, *where, "duration")
            yield move.energy, ("tensor", tensor.name, *where, "energy")
        for export in tensor.exports:
            where = "tensor", tensor.name, "export from", export.port
            yield export.duration, (*where, "duration")
            yield export.energy, (*where, "energy")
    for edge in problem.edges:
        yield edge.input, ("edge of", edge.tensor, "to", edge.target, "input")
    for space in problem.spaces:
        if space.capacity is not None:
            yield space.capacity, ("space", space.name, "capacity")
    for entry in problem.entries:
        yield entry.duration, ("entry from", entry.source, "to", entry.target, "duration")
    for limit in problem.limits:
        yield limit.most, ("limit of", str(limit.measure), "most")
    if problem.switches is not None:
        yield problem.switches, ("switches",)


def _check_numbers(problem: Problem) -> None:
    for value, where in _numbers(problem):
        # bool is an int to Python, and NaN compares false with everything.
        if type(value) is int and 0 <= value <= LIMIT:
            continue
        *pairs, what = where
        places = [f"{a} {b!r}" for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
        place = ", ".join(places) + ": " if places else ""
        if type(value) is not int:
            raise ProblemError(f"{place}{what} must be a whole number, not {value!r}")
        raise ProblemError(f"{place}{what} must be from 0 to {LIMIT}, not {value}")


def _check_references(problem: Problem) -> None:
    tasks = {task.name for task in problem.tasks}
    tensors = {tensor.name for tensor in problem.tensors}
    devices = {device.name for device in problem.devices}
    spaces = {space.name for space in problem.spaces}
    ports = {port.name for port in problem.ports}

    def need(name: str, known: set[str], what: str, where: str) -> None:
        if name not in known:
            raise ProblemError(f"{where}: unknown {what} {name!r}; known: {listed(sorted(known))}")

    for port in problem.ports:
        need(port.space, spaces, "space", f"port {port.name!r}")
    for task in problem.tasks:
        for option in task.options:
            where = f"task {task.name!r}, option {option.name!r}"
            need(option.device, devices, "device", where)
            need(option.space, spaces, "space", where)
            for name in (*option.input_ports, *option.output_ports):
                need(name, ports, "port", where)
    for tensor in problem.tensors:
        where = f"tensor {tensor.name!r}"
        need(tensor.source, tasks, "task", where)
        _check_unique(f"{where}: size at port", (size.port for size in tensor.sizes))
        for size in tensor.sizes:
            need(size.port, ports, "port", where)
        pairs = set()
        for move in tensor.transfers:
            need(move.source, ports, "port", where)
            need(move.target, ports, "port", where)
            if move.source == move.target:
                raise ProblemError(
                    f"{where}: a transfer from {move.source!r} to itself is needless"
                )
            if (move.source, move.target) in pairs:
                raise ProblemError(
                    f"{where}: the transfer {move.source!r} to {move.target!r} is given twice"
                )
            pairs.add((move.source, move.target))
        _check_unique(f"{where}: export from port", (export.port for export in tensor.exports))
        for export in tensor.exports:
            need(export.port, ports, "port", where)
    for edge in problem.edges:
        need(edge.tensor, tensors, "tensor", f"edge to {edge.target!r}")
        need(edge.target, tasks, "task", f"edge from {edge.tensor!r}")
    seen = set()
    for entry in problem.entries:
        where = f"entry {entry.source!r} to {entry.target!r}"
        need(entry.source, devices, "device", where)
        need(entry.target, devices, "device", where)
        if entry.source == entry.target:
            raise ProblemError(f"{where}: a device is never entered from itself")
        if (entry.source, entry.target) in seen:
            raise ProblemError(f"{where} is given twice")
        seen.add((entry.source, entry.target))


def _check_slots(problem: Problem) -> None:
    """Inputs and outputs are numbered from 0 without gaps, and every option has a port for each."""
    inputs: dict[str, list[Edge]] = {task.name: [] for task in problem.tasks}
    outputs: dict[str, list[Tensor]] = {task.name: [] for task in problem.tasks}
    for edge in problem.edges:
        inputs[edge.target].append(edge)
    for tensor in problem.tensors:
        outputs[tensor.source].append(tensor)
    sizes = {tensor.name: {size.port for size in tensor.sizes} for tensor in problem.tensors}

    def check_sizes(tensor: str, ports: set[str]) -> None:
        if missing := ports - sizes[tensor]:
            raise ProblemError(f"tensor {tensor!r} has no size at port {listed(sorted(missing))}")

    for task in problem.tasks:
        edges = sorted(inputs[task.name], key=lambda edge: edge.input)
        tensors = sorted(outputs[task.name], key=lambda tensor: tensor.output)
        if [edge.input for edge in edges] != list(range(len(edges))):
            raise ProblemError(
                f"task {task.name!r}: inputs must be numbered 0 to {len(edges) - 1}, each once, "
                f"not {[edge.input for edge in edges]}"
            )
        if [tensor.output for tensor in tensors] != list(range(len(tensors))):
            raise ProblemError(
                f"task {task.name!r}: outputs must be numbered 0 to {len(tensors) - 1}, each "
                f"once, not {[tensor.output for tensor in tensors]}"
            )
        for option in task.options:
            for ports, count, what in (
                (option.input_ports, len(edges), "input"),
                (option.output_ports, len(tensors), "output"),
            ):
                if len(ports) != count:
                    raise ProblemError(
                        f"task {task.name!r}, option {option.name!r} has {len(ports)} {what} "
                        f"ports, but the task has {count} {what}s"
                    )
        for edge in edges:
            check_sizes(edge.tensor, {option.input_ports[edge.input] for option in task.options})
        for tensor in tensors:
            check_sizes(
                tensor.name, {option.output_ports[tensor.output] for option in task.options}
            )


def _check_wishes(problem: Problem) -> None:
    """Objectives, limits and groups name what there is, and nothing twice."""
    if not problem.objectives:
        raise ProblemError("problem has no objective: say what to minimise")
    _check_unique("objective", (str(measure) for measure in problem.objectives))
    _check_unique("limit of", (str(limit.measure) for limit in problem.limits))
    tasks = {task.name for task in problem.tasks}
    for group in problem.colocated:
        for name in group:
            if name not in tasks:
                raise ProblemError(
                    f"colocated group {listed(group)}: unknown task {name!r}; "
                    f"known: {listed(sorted(tasks))}"
                )


def _check_sums(problem: Problem) -> None:
    longest = horizon(problem)
    if longest > LIMIT:
        raise ProblemError(
            f"the longest possible plan takes {longest} ns; at most {LIMIT} is exact"
        )
    energy = most_energy(problem)
    if energy > LIMIT:
        raise ProblemError(f"all energies add up to {energy} nJ; at most {LIMIT} is exact")
    largest = most_bytes(problem)
    if largest > LIMIT:
        raise ProblemError(f"all sizes add up to {largest} bytes; at most {LIMIT} is exact")


def _check_acyclic(problem: Problem) -> None:
    source = {tensor.name: tensor.source for tensor in problem.tensors}
    before: dict[str, set[str]] = {task.name: set() for task in problem.tasks}
    after: dict[str, set[str]] = {task.name: set() for task in problem.tasks}
    for edge in problem.edges:
        before[edge.target].add(source[edge.tensor])
        after[source[edge.tensor]].add(edge.target)
    ready = [name for name, sources in before.items() if not sources]
    while ready:
        name = ready.pop()
        for target in after[name]:
            before[target].discard(name)
            if not before[target]:
                ready.append(target)
        del before[name]
    if before:
        # Everything left waits for something left: walking backwards must close a cycle.
        walk = [next(iter(before))]
        while walk[-1] not in walk[:-1]:
            walk.append(min(before[walk[-1]] & before.keys()))
        cycle = walk[walk.index(walk[-1]) :][::-1]
        raise ProblemError("tasks wait for each other in a cycle: " + " → ".join(cycle))
