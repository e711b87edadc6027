"""A problem small enough to know its optimum by heart: two branches, a cpu and a gpu."""

from bnnplan.planner.problem import (
    Device,
    Edge,
    Option,
    Port,
    Problem,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
)


def branches(gpu=frozenset({"queue:0"}), ram=None, vram=None):
    """head → left, right → tail; each 100 ns on the cpu, 50 ns on the gpu, 4 ns a transfer."""

    def task(name, inputs, outputs, only_cpu=False):
        cpu = Option(
            "cpu X", "cpu", 100, ("host",) * inputs, ("host",) * outputs, "ram", 10, 1, "X"
        )
        fast = Option("gpu X", "gpu", 50, ("gpu",) * inputs, ("gpu",) * outputs, "vram", 10, 1, "X")
        return Task(name, (cpu,) if only_cpu else (cpu, fast))

    def tensor(name):
        return Tensor(
            name,
            name,
            0,
            (TensorSize("host", 8), TensorSize("gpu", 8)),
            (Transfer("host", "gpu", 4), Transfer("gpu", "host", 4)),
        )

    return Problem(
        name="branches",
        tasks=(
            task("head", 0, 1, only_cpu=True),
            task("left", 1, 1),
            task("right", 1, 1),
            task("tail", 2, 0, only_cpu=True),
        ),
        tensors=(tensor("head"), tensor("left"), tensor("right")),
        edges=(
            Edge("head", "left"),
            Edge("head", "right"),
            Edge("left", "tail", 0),
            Edge("right", "tail", 1),
        ),
        devices=(Device("cpu", frozenset({"core:0"})), Device("gpu", gpu)),
        spaces=(Space("ram", ram), Space("vram", vram)),
        ports=(Port("host", "ram"), Port("gpu", "vram")),
    )


BRANCHES = branches()
FAST = (0, 0, 1, 0)
