"""Measures what layers take on a device while the devices beside it are busy.

Devices that share no resource may run at the same time, but share memory, caches or power. So each
layer is timed again, in programs of the whole network as before, while every other device that
could work at the same time repeats the whole network in its best configurations. Where a layer uses
some of a cluster's cores, the others of the cluster are such devices too.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import attrs
from attrs import frozen

from bnnplan.backends.interface import Configuration, Device, Program
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board
from bnnplan.planner.cores import cluster_of, cores_of, part_of
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import Origin, PlacementCost, Profile, ProfileError, Time
from bnnplan.planner.profiling.candidates import MIN_SAMPLES
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.profiling.programs import Programs
from bnnplan.planner.statistics import summarize

RUNS_A_TURN = 4
MOST_SHARES = 7
"""Of the cores that are left beside those that are timed."""
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


@frozen
class Situation:
    """What is timed, where, and what is busy meanwhile.

    Parameters
    ----------
    device : str
        Of the profile, whose placements are timed.
    threads : int
        That the timed programs use at most.
    place : Device
        Where they run: the device, or as many of its cores.
    load : tuple of Device
    """

    device: str
    threads: int
    place: Device
    load: tuple[Device, ...]


def situations(profile: Profile) -> list[Situation]:
    """Every device and number of threads beside which others can work."""
    found = []
    for device in profile.board.devices:
        others = partners(profile.board, device)
        cores = cores_of(device)
        for threads in profile.thread_counts(device.name):
            place, rest = device, cores[threads:]
            if rest:
                place = part_of(device, cores[:threads])
            # On servers, a team for every single core would only take long to make.
            share = -(-len(rest) // MOST_SHARES)
            shares = [rest[at : at + share] for at in range(0, len(rest), share or 1)]
            load = (*(part_of(device, share) for share in shares), *others)
            if load:
                found.append(Situation(device.name, threads, place, load))
    return found


def profile_under_load(
    network: Network,
    profile: Profile,
    *,
    budget: float = 60.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> Profile:
    """Measure every placement again while other devices and cores are busy.

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
        With the times under load of every placement beside which something else can work.

    Raises
    ------
    ProfileError
        If no two devices or cores of the board can work at the same time, or the profile is of
        another network.
    """
    profile.require(network, profile.batch)
    busy = situations(profile)
    if not busy:
        names = ", ".join(device.name for device in profile.board.devices)
        raise ProfileError(
            f"no two devices or cores of board {profile.board.name!r} can work at the same time "
            f"({names}): there is nothing to measure under load"
        )
    tell = progress or (lambda share, text: None)
    places = {d.name: d for one in busy for d in (one.place, *one.load)}
    known = {device.name: device for device in profile.board.devices}
    board = attrs.evolve(profile.board, devices=tuple((known | places).values()))
    programs = Programs(Oracle(Workbench(network, board, profile.batch), seed))
    samples: Samples = defaultdict(list)
    for number, one in enumerate(busy):
        others = ", ".join(other.name for other in one.load)
        tell(number / len(busy), f"timing {one.place.name} while {others} work")
        turns = _turns(network, profile, one.device, one.threads)
        load = [_best(network, profile, programs, other) for other in one.load]
        with _running([program for program in load if program is not None]):
            _time(programs, one, turns, samples, budget / len(busy))
    return _with_loaded(profile, samples)


def _turns(network: Network, profile: Profile, device: str, threads: int) -> list[Layers]:
    """Programs that together have every placement of so many threads on a device."""
    ways: dict[str, list[PlacementCost]] = {}
    for node in network.nodes:
        within = [c for c in _costs(profile, node, device) if c.configuration.threads <= threads]
        exact = [c for c in within if c.configuration.threads == threads]
        best = sorted(within, key=lambda cost: cost.time.median)[:1]
        ways[node.name] = exact or best
    pairs = [(node, ways[node.name]) for node in network.nodes if ways[node.name]]
    return [
        [(node, mine[turn % len(mine)].configuration) for node, mine in pairs]
        for turn in range(max(map(len, ways.values())))
    ]


def _costs(profile: Profile, node: Node, device: str) -> list[PlacementCost]:
    """Placements on a device; what was never run is not run now, unchecked as it is."""
    mine = [cost for cost in profile.layers[node.name].placements if cost.device == device]
    return [cost for cost in mine if cost.origin is Origin.MEASURED]


def _best(network: Network, profile: Profile, programs: Programs, place: Device) -> Program | None:
    """The layers that a device can run, in their best configurations; None if there are none."""
    layers = []
    for node in network.nodes:
        costs = [
            cost
            for cost in _costs(profile, node, cluster_of(place.name))
            if cost.configuration.threads <= place.threads
        ]
        if costs:
            best = min(costs, key=lambda cost: cost.time.median)
            layers.append((node, best.configuration))
    return _linked(programs, place.name, layers) if layers else None


def _linked(programs: Programs, device: str, layers: Layers) -> Program:
    bench = programs.contents.bench
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
    situation: Situation,
    turns: Sequence[Layers],
    samples: Samples,
    budget: float,
) -> None:
    """Time programs in turns, each often enough, and on until the budget ends."""
    linked = [(turn, _linked(programs, situation.place.name, turn)) for turn in turns if turn]
    end = time.monotonic() + budget
    least = -(-MIN_SAMPLES // RUNS_A_TURN)
    rounds = 0
    while rounds < least or (rounds < 4 * least and time.monotonic() < end):
        for turn, program in linked:
            program.run()
            for _ in range(RUNS_A_TURN):
                for (node, how), taken in zip(turn, program.run_timed(), strict=True):
                    samples[node.name, situation.device, how].append(taken)
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
