"""Every set of streams on a small board, enumerated without any of the planner's code."""

import itertools
from fractions import Fraction

from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import MaxPool2d
from bnnplan.models.tensors import TensorType


def line(count):
    """So many layers in a row."""
    nodes = [
        Node(f"l{number}", MaxPool2d(1, 1), [f"t{number}"], [f"t{number + 1}"])
        for number in range(count)
    ]
    return Network("line", {"t0": TensorType((2, 2, 1), "uint8")}, nodes, [f"t{count}"])


class Enumerated:
    """Every set of streams, on every core there is.

    A stream is on blocks of cores that share none; layers on a block take the least time of up to
    as many threads; who reads from another block waits for a launch of as many threads as it has.
    Copies from and to the caller keep all busy, but in ordinary memory there are none.
    """

    def __init__(self, network, devices, costs, launches, transfer, request):
        self.network, self.costs, self.launches = network, costs, launches
        in_place = {device.space.name for device in devices} == {"host"}
        ends = len(network.inputs) + len(network.outputs)
        self.copies = 0 if in_place else ends * transfer
        self.request = request
        self.deadline = next((x.most for x in request.limits), None)
        self.units = [
            (device.name, core)
            for device in devices
            for core in (sorted(device.resources) if device.backend == "cpu" else [""])
        ]
        self.streams = {}
        self.sets = {0: (Fraction(0), 0)}

    def best(self):
        """Largest rate, and the least that the largest latency can be with it."""
        return self._set((1 << len(self.units)) - 1)

    def _set(self, mask):
        if mask not in self.sets:
            low = mask & -mask
            rest = mask ^ low
            found = [self._set(rest)]
            for part in _submasks(rest):
                for period, latency in self._stream(part | low):
                    rate, other = self._set(rest ^ part)
                    found.append((rate + Fraction(1, period), max(other, latency)))
            self.sets[mask] = max(found, key=lambda one: (one[0], -one[1]))
        return self.sets[mask]

    def _stream(self, mask):
        """The best period of a stream on exactly these units, with its least latency."""
        if mask not in self.streams:
            units = [unit for bit, unit in enumerate(self.units) if mask >> bit & 1]
            found = [one for blocks in _partitions(units) for one in self._on(blocks)]
            self.streams[mask] = [min(found)] if found else []
        return self.streams[mask]

    def _on(self, blocks):
        nodes = self.network.nodes
        for choice in itertools.product(range(len(blocks)), repeat=len(nodes)):
            if self.request.contiguous and len([*itertools.groupby(choice)]) > len({*choice}):
                continue
            period = self._period(blocks, choice)
            if period is None:
                continue
            latency = period * (1 + sum(a != b for a, b in itertools.pairwise(choice)))
            if self.deadline is None or latency <= self.deadline:
                yield period, latency

    def _period(self, blocks, choice):
        loads = [self.copies] * len(blocks)
        where = dict(zip((node.name for node in self.network.nodes), choice, strict=True))
        for number, node in enumerate(self.network.nodes):
            block = choice[number]
            device, size = blocks[block][0][0], len(blocks[block])
            if self.request.pins.get(node.name, device) != device:
                return None
            times = [self.costs(number, device, count) for count in range(1, size + 1)]
            if all(one is None for one in times):
                return None
            makers = [self.network.producers.get(name) for name in node.inputs]
            enters = any(maker is None or where[maker.name] != block for maker in makers)
            loads[block] += min(one for one in times if one is not None)
            loads[block] += self.launches[device, size] if enters else 0
        return max(loads)


def _submasks(mask):
    part = mask
    while part:
        yield part
        part = (part - 1) & mask
    yield 0


def _partitions(units):
    """All ways to divide units into blocks of one device each."""
    if not units:
        yield []
        return
    first, *rest = units
    for smaller in _partitions(rest):
        yield [[first], *smaller]
        for number, block in enumerate(smaller):
            if block[0][0] == first[0]:
                yield [*smaller[:number], [first, *block], *smaller[number + 1 :]]
