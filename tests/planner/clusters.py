"""Made-up profiles of boards with several clusters, where layers scale worse than cores."""

import random

from bnnplan.backends.interface import Configuration, Device, MemorySpace
from bnnplan.planner.board import USER, Board
from bnnplan.planner.profile import (
    Conditions,
    LaunchCost,
    LayerCosts,
    PlacementCost,
    Profile,
    Time,
    TransferCost,
    shape_fingerprint,
)

HOST = MemorySpace("host")
CONDITIONS = Conditions("2026-01-01T00:00:00Z", "0", "performance", 0.0, 1.0, 0.05, True)


def cluster(name, first, cores, space=HOST, **more):
    """A cluster of cores that are numbered from `first` on."""
    resources = [f"core:{first + core}" for core in range(cores)]
    return Device(name, "cpu", "cpu", name, space, resources, cores, **more)


def gpu(name="gpu0", space=HOST):
    """A device beside the clusters."""
    return Device(name, "reference", "gpu", name, space, [f"queue:{name}"])


def exactly(ns):
    """A time without any spread."""
    return Time(ns, ns, ns, ns, 10)


def made_up(network, devices, cost, *, threads=(1, 2, 3, 4), launch=0, transfer=0, weights=0):
    """A profile of a network.

    Parameters
    ----------
    network : Network
    devices : sequence of Device
    cost : callable
        Nanoseconds of a layer (its number) on a device with so many threads; None where it cannot.
    threads : sequence of int
        That configurations use, as far as devices have them.
    launch, transfer : int
        Nanoseconds.
    weights : int
        Bytes of each layer.
    """
    layers = {}
    for number, node in enumerate(network.nodes):
        placements = [
            PlacementCost(
                device.name,
                Configuration("Y" if count > 1 else "", count),
                exactly(ns),
                weights,
                0,
                [network.types[name].format for name in node.inputs],
                [network.types[name].format for name in node.outputs],
            )
            for device in devices
            for count in threads
            if count <= device.threads and (ns := cost(number, device.name, count)) is not None
        ]
        layers[node.name] = LayerCosts(placements)
    ends = [USER, *dict.fromkeys(device.space.name for device in devices)]
    return Profile(
        network.name,
        shape_fingerprint(network),
        Board("made up", tuple(devices)),
        1,
        layers,
        [
            TransferCost(one, other, float(transfer), 0.0, 0.0, [])
            for one in ends
            for other in ends
            if one != other or one != USER
        ],
        [LaunchCost(device.name, count, launch) for device in devices for count in (1, *threads)],
        CONDITIONS,
    )


def scaled(network, devices, *, seed=0, most=4_000_000, **more):
    """A profile in which big cores are two to four times as fast, and threads gain less each."""
    random_ = random.Random(seed)
    base = [random_.randint(most // 20, most) for _ in network.nodes]
    speed = [random_.uniform(2, 4) for _ in network.nodes]
    gains = [random_.uniform(0.6, 0.98) for _ in network.nodes]
    on_gpu = [random_.uniform(3, 12) for _ in network.nodes]

    def cost(number, device, threads):
        if device.startswith("gpu"):
            return round(base[number] / on_gpu[number])
        ns = base[number] / (speed[number] if device.startswith("big") else 1)
        return round(ns / (1 + gains[number] * (threads - 1)))

    return made_up(network, devices, cost, **more)
