"""Pipelines of parts for tests: assembly lines, and accelerators with a memory of their own."""

import random

from bnnplan.planner.problem import (
    Device,
    Edge,
    Export,
    Measure,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)


def make_parts(
    seed,
    *,
    tasks=4,
    kinds=((2, 1), (1, 3)),
    shape="dag",
    colocated=False,
    limited=False,
    outside=False,
    contiguous=True,
):
    """Tasks on kinds of devices, each (how many, how slow), which load and store for themselves.

    Devices of the last kind read and write the main memory at no cost. With `outside`, the first
    task and the last one lie on a host without resources.
    """
    chance = random.Random(seed)
    names = [f"{kind}.{one}" for kind, (count, _) in enumerate(kinds) for one in range(count)]
    slow = {f"{k}.{one}": times for k, (count, times) in enumerate(kinds) for one in range(count)}
    main = f"{len(kinds) - 1}."

    def port(device):
        return "main" if device.startswith(main) or device == "host" else device

    reads = [
        [] if not task else [task - 1] if shape == "chain" else sorted(
            chance.sample(range(task), min(task, chance.choice((0, 1, 1, 2))))
        )
        for task in range(tasks)
    ]  # fmt: skip
    fed = sorted({source for some in reads for source in some})

    def options(task):
        work, size = chance.randint(0, 9), chance.randint(0, 4)
        some = [name for name in names if name[0] == names[0][0] or chance.random() < 0.8]
        there = some if chance.random() < 0.7 else names
        if outside and (not reads[task] or task not in fed) and chance.random() < 0.7:
            there, work = ["host"], 0
        kept = [name for name in names if name in there] or there
        # Equal devices run the same tasks.
        kept = [n for n in (*names, "host") if n in there or n[0] in {k[0] for k in kept}]
        return tuple(
            Option(
                name=device,
                device=device,
                duration=work * slow.get(device, 0),
                input_ports=(port(device),) * len(reads[task]),
                output_ports=(port(device),) * (task in fed),
                space=port(device),
                weight_bytes=size * (port(device) != "main"),
            )
            for device in kept
            if device != "host" or there == ["host"]
        )

    def tensor(task):
        load, store = chance.randint(0, 3), chance.randint(0, 3)
        places = dict.fromkeys(map(port, names))
        own = [name for name in names if port(name) != "main"]
        moves = [
            Transfer(a, b, load if b != "main" else 0, frozenset({b} if b != "main" else ()))
            for a in (*places, "main")
            for b in (*places, "main")
            if a != b
        ]
        return Tensor(
            f"x{task}",
            f"t{task}",
            0,
            tuple(TensorSize(one, 0) for one in (*own, "main")),
            tuple(dict.fromkeys(moves)),
            tuple(Export(one, store, frozenset({one})) for one in own),
        )

    made = tuple(Task(f"t{task}", options(task)) for task in range(tasks))
    inside = [task.name for task in made if task.options[0].device != "host"]
    group = tuple(chance.sample(inside, min(len(inside), 2))) if colocated else ()
    return Problem(
        name=f"parts {seed}",
        tasks=made,
        tensors=tuple(tensor(task) for task in fed),
        edges=tuple(
            Edge(f"x{source}", f"t{task}", number)
            for task in range(tasks)
            for number, source in enumerate(reads[task])
        ),
        devices=(
            *(Device(name, frozenset({name}), contiguous) for name in names),
            Device("host"),
        ),
        spaces=(
            *(
                Space(name, chance.randint(3, 3 * tasks) if limited and not k else None)
                for k, (count, _) in enumerate(kinds[:-1])
                for name in [f"{k}.{one}" for one in range(count)]
            ),
            Space("main"),
        ),
        ports=tuple(Port(name, name) for name in dict.fromkeys([*map(port, names), "main"])),
        objectives=(Measure.PERIOD,),
        colocated=(group,) if len(group) > 1 else (),
    )


def line(times, pairs, stations):
    """A simple assembly line: equal stations in a row, and tasks that wait for others."""
    names = [f"station {number}" for number in range(stations)]
    befores = [[a for a, b in pairs if b == task] for task in range(1, len(times) + 1)]
    fed = {a for a, _ in pairs}
    return Problem(
        name="line",
        tasks=tuple(
            Task(
                str(task),
                tuple(
                    Option(
                        name, name, span, ("here",) * len(before), ("here",) * (task in fed), "here"
                    )
                    for name in names
                ),
            )
            for task, (span, before) in enumerate(zip(times, befores, strict=True), start=1)
        ),
        tensors=tuple(
            Tensor(f"after {task}", str(task), 0, (TensorSize("here", 0),)) for task in sorted(fed)
        ),
        edges=tuple(
            Edge(f"after {one}", str(task), number)
            for task, before in enumerate(befores, start=1)
            for number, one in enumerate(before)
        ),
        devices=tuple(Device(name, frozenset({name}), contiguous=True) for name in names),
        spaces=(Space("here"),),
        ports=(Port("here", "here"),),
        objectives=(Measure.PERIOD,),
    )
