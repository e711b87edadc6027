"""Streams that fit in memory together, as they run.

Every stream holds tensors and workspaces of its own; weights may be those of others as well (see
:mod:`bnnplan.planner.streams.weights`). The search for the best set looks at each stream alone; if
the best set does not fit, sets that do are looked for among all streams that were found, and the
same lineups with less memory. The bound remains that of the best set: no set that fits is better.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import attrs
from attrs import frozen

from bnnplan.planner.plan import Proof
from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers.base import Status
from bnnplan.planner.streams.building import plan_of_streams
from bnnplan.planner.streams.found import Found, Stream, in_order
from bnnplan.planner.streams.kinds import Takes, fits
from bnnplan.planner.streams.packing import Item, pack
from bnnplan.planner.streams.problems import IN_ALL
from bnnplan.planner.streams.search import StreamSearch
from bnnplan.planner.streams.weights import PackedSize, Weights, weights_of

MOST_SETS = 64
"""That are kept for each room of cores: none of them is better in everything than another."""
MOST_TIGHTENINGS = 4
"""Solutions that turn out not to fit in memory as they run, before none is expected to."""


@frozen
class _Held:
    """A stream with the bytes that it holds in each limited space, and what was counted there.

    Of those, `weights` are what other streams may hold as well.
    """

    stream: Stream
    allocated: tuple[int, ...]
    predicted: tuple[int, ...]
    weights: Weights


@frozen
class _Set:
    """Streams that fit together."""

    rate: int
    allocated: tuple[int, ...]
    streams: tuple[Stream, ...]
    weights: Weights


class _Memory:
    """The limited memory spaces of a search, and the limit of all of them together."""

    def __init__(self, search: StreamSearch) -> None:
        self.search = search
        capacities = search.request.capacities(search.problems.profile.board)
        self.limits = {name: size for name, size in capacities.items() if size is not None}
        in_all = [one.most for one in search.request.limits if one.measure is Measure.MEMORY]
        self.limits |= dict.fromkeys([IN_ALL] if in_all else [], min(in_all, default=0))

    def held(self, stream: Stream) -> _Held:
        """What one stream holds."""
        proof = Proof(str(Status.FEASIBLE), stream.proofs, "", 0.0)
        plan = plan_of_streams(self.search.problems, [stream], source="", proof=proof)
        allocated = {row.space: row.allocated_bytes for row in plan.memory}
        predicted = {row.space: row.predicted_bytes or 0 for row in plan.memory}
        # What is limited of all spaces together is what the solver counts.
        allocated[IN_ALL] = predicted[IN_ALL] = plan.predicted.memory_bytes or 0
        return _Held(
            stream,
            tuple(allocated.get(name, 0) for name in self.limits),
            tuple(predicted.get(name, 0) for name in self.limits),
            weights_of(self.search.problems.profile.board, stream),
        )

    @property
    def nothing(self) -> _Set:
        """No streams."""
        return _Set(0, (0,) * len(self.limits), (), {})

    def joined(self, some: _Set, held: _Held) -> _Set:
        """One stream more: what it finds of its weights is not held again."""
        again = self._bytes(held.weights[key] for key in held.weights.keys() & some.weights.keys())
        rows = zip(some.allocated, held.allocated, again, strict=True)
        return _Set(
            some.rate + held.stream.rate,
            tuple(mine + other - both for mine, other, both in rows),
            (*some.streams, held.stream),
            {**some.weights, **held.weights},
        )

    def holds(self, streams: Sequence[Stream]) -> bool:
        """Whether streams fit together."""
        if not self.limits or not streams:
            return True
        different = {id(one): one for one in streams}
        known = {key: self.held(one) for key, one in different.items()}
        found = self.nothing
        for one in streams:
            found = self.joined(found, known[id(one)])
        return self.fits(found.allocated)

    def is_no_worse(self, one: _Set, other: _Set) -> bool:
        """Whether a set fits in memory, with any more streams, if another one does.

        It may have to take the weights that only the other one holds.
        """
        more = self._bytes(other.weights[key] for key in other.weights.keys() - one.weights.keys())
        rows = zip(one.allocated, more, other.allocated, strict=True)
        return all(mine + missing <= its for mine, missing, its in rows)

    def _bytes(self, found: Iterable[PackedSize]) -> tuple[int, ...]:
        """What weights take of each limit."""
        sums = Counter[str]()
        for one in found:
            sums[one.space] += one.nbytes
        sums[IN_ALL] = sums.total()
        return tuple(sums[name] for name in self.limits)

    def variants(self, stream: Stream, shares: int, deadline: float) -> list[_Held]:
        """A stream as it fits in all memory, and in shares of it."""
        held = self.held(stream)
        found = [self.within(held, share, deadline) for share in range(1, shares + 1)]
        return [one for one in found if one is not None]

    def fits(self, allocated: Sequence[int]) -> bool:
        """Whether so much is there."""
        return all(a <= b for a, b in zip(allocated, self.limits.values(), strict=True))

    def within(self, held: _Held, share: int, deadline: float) -> _Held | None:
        """A stream of the same lineup that fits as often as there are shares, as it runs."""
        counted = dict(self.limits)
        for _ in range(MOST_TIGHTENINGS):
            # All of them together hold the weights once.
            once = zip(self.limits.items(), self._bytes(held.weights.values()), strict=True)
            wanted = {name: (size + (share - 1) * mine) // share for (name, size), mine in once}
            if all(a <= b for a, b in zip(held.allocated, wanted.values(), strict=True)):
                return held
            if time.monotonic() > deadline:
                return None
            rows = zip(wanted.items(), held.allocated, held.predicted, strict=True)
            for (name, size), allocated, predicted in rows:
                counted[name] = min(counted[name], size)
                if allocated > size:
                    counted[name] = max(0, min(counted[name], predicted - allocated + size))
            found = self.search.resolved(held.stream.lineup, counted, deadline - time.monotonic())
            if found is None:
                return None
            held = self.held(found)
        return None


def fitting(search: StreamSearch, found: Found, seconds: float) -> Found:
    """The best set that was found, or the best one of those that fit in memory together."""
    memory = _Memory(search)
    if not found.streams or memory.holds(found.streams):
        return found
    if search.is_by_rule:
        message = "its programs do not fit in memory as they run"
        return attrs.evolve(found, streams=(), status=Status.UNKNOWN, message=message)
    deadline = time.monotonic() + seconds
    offered: list[_Held] = []
    most = len(found.streams)
    for stream in search.streams:
        offered += memory.variants(stream, most if stream in found.streams else 1, deadline)
    best = _best(offered, search.capacity, memory)
    # Lineups that are not worth their cores may be worth their memory.
    for row in search.known.unsolved():
        if time.monotonic() > deadline:
            break
        if search.hoped(row) > best.rate:
            left = deadline - time.monotonic()
            other = search.resolved(row.lineup, memory.limits, left)
            if other is not None:
                offered += memory.variants(other, 1, deadline)
                best = _best(offered, search.capacity, memory)
    if not best.streams:
        message = "no stream was found whose programs fit in memory as they run"
        return attrs.evolve(found, streams=(), status=Status.UNKNOWN, message=message)
    fit = attrs.evolve(found, streams=in_order(best.streams), settled=False)
    if fit.bound == fit.period:
        return fit
    message = "memory limits the streams; the bound is without its limits"
    return attrs.evolve(fit, status=Status.FEASIBLE, message=message)


def fitting_set(search: StreamSearch, streams: Sequence[Stream]) -> tuple[Stream, ...]:
    """The best set of some streams, each as often as it fits, that fits in memory."""
    items = [Item(one.lineup.takes, one.rate, (one.latency,)) for one in streams]
    packed = pack(items, search.capacity)[search.capacity]
    found = tuple(streams[number] for number in packed.items)
    memory = _Memory(search)
    if not memory.holds(found):
        held = [memory.held(one) for one in streams]
        found = _best(held, search.capacity, memory).streams
    return in_order(found)


def _best(offered: Sequence[_Held], capacity: Takes, memory: _Memory) -> _Set:
    """The set of the highest rate, by sets for every room of cores."""
    sets: dict[Takes, list[_Set]] = {}
    for room in itertools.product(*(range(size + 1) for size in capacity)):
        found = [memory.nothing]
        for place, size in enumerate(room):
            if size:
                found += sets[(*room[:place], size - 1, *room[place + 1 :])]
        for held in offered:
            takes = held.stream.lineup.takes
            if fits(takes, room):
                for rest in sets[tuple(a - b for a, b in zip(room, takes, strict=True))]:
                    joined = memory.joined(rest, held)
                    if memory.fits(joined.allocated):
                        found.append(joined)
        sets[room] = _useful(found, memory)
    return sets[capacity][0]


def _useful(found: Sequence[_Set], memory: _Memory) -> list[_Set]:
    """Sets that no other one is as good as in everything, those of high rates first."""
    kept: list[_Set] = []
    for one in sorted(found, key=lambda x: (-x.rate, len(x.streams), x.allocated)):
        if len(kept) == MOST_SETS:
            break
        if not any(memory.is_no_worse(x, one) for x in kept):
            kept.append(one)
    return kept
