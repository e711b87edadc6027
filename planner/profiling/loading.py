"""Measures what layers take on a device while the devices beside it are busy.

Devices that share no resource may run at the same time, but share memory, caches or power. So each
layer is timed again, in programs of the whole network as before, while every other device that
could work at the same time repeats the whole network in its best configurations.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import attrs

from bnnplan.backends.interface import Configuration, Device, Program
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import PlacementCost, Profile, ProfileError, Time
from bnnplan.planner.profiling.candidates import MIN_SAMPLES
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.profiling.programs import Programs
from bnnplan.planner.statistics import summarize

RUNS_A_TURN = 4
Layers = Sequence[tuple[Node, Configuration]]
Samples = dict[tuple[str, str, Configuration], list[int]]
"""Nanoseconds, by layer, device and configuration."""


def partners(board: Board, device: Device) -> list[Device]:
    """The devices that can work while a device does: they share no resource with it."""
    return [
        other
        for other in board.devices
        if other.name != device.name
        and other.resources
        and device.resources
        and not other.resources & device.resources
    ]


def profile_under_load(
    network: Network,
    profile: Profile,
    *,
    budget: float = 60.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> Profile:
    """Measure every placement again while other devices are busy.

    Parameters
    ----------
    network : Network
    profile : Profile
        Of this network, measured on the board at hand.
    budget : float
        Seconds to spend at most; each placement is timed a few times in any case.
    seed : int
        Of the input images.
    progress : callable, optional

    Returns
    -------
    Profile
        With the times under load of every placement on a device that has partners.

    Raises
    ------
    ProfileError
        If no two devices of the board can work at the same time, or the profile is of another
        network.
    """
    profile.require(network, profile.batch)
    pairs = [(d, partners(profile.board, d)) for d in profile.board.devices]
    busy = [(device, others) for device, others in pairs if others]
    if not busy:
        names = ", ".join(device.name for device in profile.board.devices)
        raise ProfileError(
            f"no two devices of board {profile.board.name!r} can work at the same time ({names}): "
            "those that share cores never do; split a cluster with a board file (--board)"
        )
    tell = progress or (lambda share, text: None)
    programs = Programs(Oracle(Workbench(network, profile.board, profile.batch), seed))
    samples: Samples = defaultdict(list)
    for number, (device, others) in enumerate(busy):
        tell(number / len(busy), f"timing {device.name} while {', '.join(o.name for o in others)}")
        turns = _turns(network, profile, device.name)
        load = [_best(network, profile, programs, other.name) for other in others]
        with _running([program for program in load if program is not None]):
            _time(programs, device.name, turns, samples, budget / len(busy))
    return _with_loaded(profile, samples)


def _turns(network: Network, profile: Profile, device: str) -> list[Layers]:
    """Programs that together have every placement on a device, those of few threads apart."""
    turns: list[Layers] = []
    for threads in profile.thread_counts(device):
        ways: dict[str, list[PlacementCost]] = {}
        for node in network.nodes:
            within = [
                c for c in _costs(profile, node, device) if c.configuration.threads <= threads
            ]
            exact = [c for c in within if c.configuration.threads == threads]
            best = sorted(within, key=lambda cost: cost.time.median)[:1]
            ways[node.name] = exact or best
        for turn in range(max(map(len, ways.values()))):
            pairs = [(node, ways[node.name]) for node in network.nodes if ways[node.name]]
            turns.append([(node, mine[turn % len(mine)].configuration) for node, mine in pairs])
    return turns


def _costs(profile: Profile, node: Node, device: str) -> list[PlacementCost]:
    return [cost for cost in profile.layers[node.name].placements if cost.device == device]


def _best(network: Network, profile: Profile, programs: Programs, device: str) -> Program | None:
    """The layers that a device can run, in their best configurations; None if there are none."""
    layers = []
    for node in network.nodes:
        if costs := _costs(profile, node, device):
            best = min(costs, key=lambda cost: cost.time.median)
            layers.append((node, best.configuration))
    return _linked(programs, device, layers) if layers else None


def _linked(programs: Programs, device: str, layers: Layers) -> Program:
    bench = programs.oracle.bench
    return programs.link(device, [(node, bench.kernel(node, device, how)) for node, how in layers])


@contextlib.contextmanager
def _running(programs: Sequence[Program]) -> Iterator[None]:
    """Repeat programs, each in a thread of its own, as long as the context lasts."""
    stop = threading.Event()
    faults: list[Exception] = []

    def repeat(program: Program) -> None:
        try:
            while not stop.is_set():
                program.run()
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=repeat, args=(one,), daemon=True) for one in programs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def _time(
    programs: Programs,
    device: str,
    turns: Sequence[Layers],
    samples: Samples,
    budget: float,
) -> None:
    """Time programs in turns, each often enough, and on until the budget ends."""
    linked = [(turn, _linked(programs, device, turn)) for turn in turns if turn]
    end = time.monotonic() + budget
    least = -(-MIN_SAMPLES // RUNS_A_TURN)
    rounds = 0
    while rounds < least or (rounds < 4 * least and time.monotonic() < end):
        for turn, program in linked:
            program.run()
            for _ in range(RUNS_A_TURN):
                for (node, how), taken in zip(turn, program.run_timed(), strict=True):
                    samples[node.name, device, how].append(taken)
        rounds += 1


def _with_loaded(profile: Profile, samples: Samples) -> Profile:
    def loaded(layer: str, cost: PlacementCost) -> Time | None:
        taken = samples.get((layer, cost.device, cost.configuration))
        return summarize(taken, tolerance=profile.conditions.tolerance) if taken else cost.loaded

    return attrs.evolve(
        profile,
        layers={
            name: attrs.evolve(
                costs,
                placements=[attrs.evolve(c, loaded=loaded(name, c)) for c in costs.placements],
            )
            for name, costs in profile.layers.items()
        },
    )
