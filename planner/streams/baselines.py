"""What a set of streams is compared with: one stream on one device, equal ones, Pipe-it's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
from attrs import field, frozen

from bnnplan.backends.interface import Device
from bnnplan.models.converters import as_tuple
from bnnplan.planner.baselines import SECONDS, SINGLE_DEVICE, baseline_of
from bnnplan.planner.choosing import Solved
from bnnplan.planner.plan import Baseline
from bnnplan.planner.plan_building import predict
from bnnplan.planner.solvers.base import SolverError
from bnnplan.planner.solvers.heuristics.single import within
from bnnplan.planner.solvers.structure import Graph
from bnnplan.planner.streams.found import Stream, stream_of
from bnnplan.planner.streams.memory import fitting_set
from bnnplan.planner.streams.packing import period_of
from bnnplan.planner.streams.search import StreamSearch
from bnnplan.planner.uncertainty import least_known

SINGLE_CORE = "best single core"
SINGLE_CLUSTER = "best single cluster (kernel-level parallelism)"
REPLICAS = "replication only"


@frozen
class StreamBaselines:
    """Rows of a table, and the devices that they name."""

    rows: tuple[Baseline, ...] = field(converter=as_tuple)
    devices: tuple[Device, ...] = field(converter=as_tuple)


def stream_baselines(search: StreamSearch) -> StreamBaselines:
    """All baselines of a search that has ended.

    One stream: on the best single device, on the best core, on the best cluster with all of its
    cores for every layer; by Pipe-it's and other heuristics. Several streams: one device each.
    """
    kinds = search.problems.room.kinds
    alone = [stream for stream in search.streams if len(stream.lineup.kinds) == 1]
    cores = [one for one in alone if one.lineup.parts and sum(one.lineup.takes) == 1]
    clusters = [
        one
        for one in alone
        if one.lineup.parts
        and sum(one.lineup.takes) == len(kinds[one.lineup.parts[0]].device.resources)
    ]
    rows: list[Baseline] = []
    devices: list[Device] = []
    clusters = [one for stream in clusters if (one := _with_all_cores(stream)) is not None]
    for name, mine in ((SINGLE_DEVICE, alone), (SINGLE_CLUSTER, clusters), (SINGLE_CORE, cores)):
        if mine:
            best = min(mine, key=lambda one: (one.period, one.latency))
            (device,) = search.problems.room.devices([best.lineup])[0]
            rows.append(_row(search, name, best, device.name))
            devices.append(device)
    rows += _replicas(search, alone)
    heuristics, used = _heuristics(search)
    return StreamBaselines([*rows, *heuristics], [*devices, *used])


def _with_all_cores(stream: Stream) -> Stream | None:
    """The stream of a cluster whose layers use all of its cores, wherever they can."""
    encoding = stream.encoding
    kept: list[Sequence[int]] = []
    for task in encoding.problem.tasks:
        costs = encoding.placements.get(task.name, ())
        most = max((cost.configuration.threads for cost in costs), default=0)
        wide = [n for n, cost in enumerate(costs) if cost.configuration.threads == most]
        kept.append(wide or range(len(task.options)))
    result = within(Graph(encoding.problem), kept, SINGLE_CLUSTER, SECONDS)
    return stream_of(stream.lineup, encoding, result)


def _row(search: StreamSearch, name: str, stream: Stream, note: str) -> Baseline:
    chosen = stream.encoding.chosen(stream.solution.choice)
    return Baseline(
        name,
        predict(stream.encoding, search.problems.board_of(stream.lineup), stream.solution),
        note=note,
        placements={layer: (cost.device, cost.configuration) for layer, cost in chosen.items()},
        origin=least_known(cost.origin for cost in chosen.values()),
    )


def _replicas(search: StreamSearch, alone: list[Stream]) -> Iterable[Baseline]:
    """The best set of streams that have one device each."""
    found = fitting_set(search, alone)
    if not found:
        return
    devices = search.problems.room.devices([one.lineup for one in found])
    names = " + ".join(device.name for mine in devices for device in mine)
    row = _row(search, REPLICAS, found[0], names)
    assert row.predicted is not None
    period = period_of([one.period for one in found])
    latency = max(one.latency for one in found)
    predicted = attrs.evolve(row.predicted, period_ns=period, latency_ns=latency)
    # It is not a placement of each layer, of which others could be the same.
    origins = [
        one.origin for mine in found for one in mine.encoding.chosen(mine.solution.choice).values()
    ]
    yield attrs.evolve(row, predicted=predicted, placements={}, origin=least_known(origins))


def _heuristics(search: StreamSearch) -> tuple[list[Baseline], list[Device]]:
    """What heuristics find that choose one stream on clusters and their parts."""
    board = search.heuristics.board
    rows, used = [], []
    for one in search.heuristics.tried:
        if isinstance(one.result, SolverError):
            rows.append(Baseline(one.name, None, note=str(one.result)))
            continue
        row = baseline_of(one.name, Solved(one.encoding, one.result), board)
        rows.append(row)
        used += [board.device(device) for device, _ in row.placements.values()]
    return rows, used
