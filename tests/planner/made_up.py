"""Profiles and measurements that are made up, so that what follows from them is exact."""

import attrs
from networks import chain

from bnnplan.planner.execution.measure import Measurement
from bnnplan.planner.execution.trace import Event, EventKind, Trace
from bnnplan.planner.profile import Time
from bnnplan.planner.profiling import Options, profile_network

LAYERS = [node.name for node in chain().nodes]


def exactly(ns):
    """A time that was the same in every run."""
    return Time(ns, ns, ns, ns, 20)


def made_up_profile(board, network=None, batch=1):
    """A profile of the chain, or of another network: every layer takes 1000 ns on a, 500 on b.

    A launch takes 100 ns, a transfer 10 ns.
    """
    measured = profile_network(
        network or chain(), board, batch=batch, options=Options(tolerance=0.5, budget=1.0)
    )
    times = {device.name: exactly(1000 if device.name == "a" else 500) for device in board.devices}
    layers = {
        name: attrs.evolve(
            costs,
            placements=[attrs.evolve(c, time=times[c.device]) for c in costs.placements],
        )
        for name, costs in measured.layers.items()
    }
    return attrs.evolve(
        measured,
        layers=layers,
        launches=[attrs.evolve(cost, ns=100) for cost in measured.launches],
        transfers=[attrs.evolve(t, overhead_ns=10.0, ns_per_byte=0.0) for t in measured.transfers],
    )


def ran(whole, layer=0, launch=0, transfers=(), device="a"):
    """A measurement of 20 equal runs."""
    events = [Event(EventKind.LAYER, name, device, 0, layer) for name in LAYERS]
    events += [Event(EventKind.LAUNCH, device, device, 0, launch)]
    events += [Event(EventKind.TRANSFER, label, device, 0, ns) for label, ns in transfers]
    return Measurement([whole] * 20, [Trace(tuple(events), whole)] * 3)


def board_where(layer_ns, noise=lambda runner: 0):
    """What measures runners as if each layer took so long on each device, and launches 100 ns."""

    def measure(runners, arrays, *, seconds):
        found = {}
        for name, runner in runners.items():
            events = [
                Event(EventKind.LAYER, layer, device, 0, layer_ns[device])
                for layer, (device, _) in runner.assignment.items()
            ]
            devices = [stage.segment.device for stage in runner.stages]
            events += [Event(EventKind.LAUNCH, device, device, 0, 100) for device in devices]
            whole = sum(event.duration for event in events) + noise(runner)
            found[name] = Measurement([whole] * 20, [Trace(tuple(events), whole)] * 3)
        return found

    return measure
