"""How long every place must keep its contents while an assignment runs.

One after the other, stages give every step a number, and a life is an interval. Where devices run
at the same time only their dependencies order them: then a place may follow another one in memory
if whatever reads the other is done, by these dependencies, before the place can be written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnnplan.planner.arena import Blocks, Life, blocks_of
from bnnplan.planner.execution.staging import Place, Staging

Moment = tuple[int, int]
"""Number of a stage, from 1, and of a copy or layer in it; uploads are stage 0, downloads the
last. Moments of one stage follow each other."""


class Lifetimes:
    """When every place of a staging is written and read.

    The inputs of a network are alive from the start of a run, since all are uploaded there, to
    their last reader: every run uploads them anew. Its outputs stay until the next run.

    Parameters
    ----------
    staging : Staging
    """

    def __init__(self, staging: Staging) -> None:
        self._concurrent = staging.concurrent
        self._made: dict[Place, Moment] = dict.fromkeys(staging.uploads, (0, 0))
        self._used: dict[Place, dict[int, int]] = {}
        for number, stage in enumerate(staging.stages, 1):
            for step, (source, target) in enumerate(stage.copies):
                self._made[target] = (number, step)
                self._use(source, (number, step))
            for step, layer in enumerate(stage.layers, len(stage.copies)):
                self._made.update(dict.fromkeys(layer.outputs, (number, step)))
                for place in layer.inputs:
                    self._use(place, (number, step))
        self._end: Moment = (len(staging.stages) + 1, 0)
        for _, home in staging.outputs:
            if home is not None:
                self._use(home, self._end)
        for place, made in self._made.items():
            self._use(place, made)
        self._before = _ancestors(staging)

    def _use(self, place: Place, moment: Moment) -> None:
        """Note the last use in each stage."""
        number, step = moment
        used = self._used.setdefault(place, {})
        used[number] = max(step, used.get(number, step))

    def blocks(self, sizes: Mapping[Place, int]) -> Blocks:
        """Some of the places as blocks of memory, in their order.

        Parameters
        ----------
        sizes : mapping of Place to int
            Bytes.
        """
        places = list(sizes)
        if not self._concurrent:
            ranks = {moment: rank for rank, moment in enumerate(sorted(self._moments()))}
            return blocks_of(
                [
                    Life(sizes[p], ranks[self._made[p]], ranks[max(self._used[p].items())])
                    for p in places
                ]
            )
        clashes = [0] * len(places)
        for first, one in enumerate(places):
            for second, other in enumerate(places[:first]):
                if not (self._frees(one, other) or self._frees(other, one)):
                    clashes[first] |= 1 << second
                    clashes[second] |= 1 << first
        bound = max(
            sum(sizes[place] for place in places if self._is_alive(place, moment))
            for moment in self._moments()
        )
        return Blocks(tuple(sizes.values()), tuple(clashes), bound)

    def _moments(self) -> set[Moment]:
        used = {moment for used in self._used.values() for moment in used.items()}
        return {*self._made.values(), *used, self._end}

    def _frees(self, one: Place, other: Place) -> bool:
        """Whether every use of one place is over before the other can be written."""
        return all(self._follows(use, self._made[other]) for use in self._used[one].items())

    def _is_alive(self, place: Place, moment: Moment) -> bool:
        """Whether a place has contents at a moment, however the devices' clocks run."""
        made = self._made[place]
        return (made == moment or self._follows(made, moment)) and any(
            use == moment or self._follows(moment, use) for use in self._used[place].items()
        )

    def _follows(self, first: Moment, second: Moment) -> bool:
        """Whether the second moment comes after the first in every run."""
        if first[0] == second[0]:
            return first[1] < second[1]
        return bool(self._before[second[0]] >> first[0] & 1)


def _ancestors(staging: Staging) -> list[int]:
    """For each stage, with uploads and downloads, a bit mask of those that end before it."""
    before = [0]
    last: dict[str, int] = {}
    for number, stage in enumerate(staging.stages, 1):
        device = stage.segment.device
        waited = {0, last.get(device, 0), *(index + 1 for index in stage.waits)}
        before.append(_closed(waited, before))
        last[device] = number
    before.append(_closed(range(len(before)), before))
    return before


def _closed(waited: Sequence[int] | set[int] | range, before: Sequence[int]) -> int:
    mask = 0
    for number in waited:
        mask |= before[number] | 1 << number
    return mask
