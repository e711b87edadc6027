"""What is known of each lineup, and what that says of sets of them.

The best set is looked for as if every lineup were as fast as its bound, and only lineups of that
set are solved, until a set is best of which all are solved. The value of that best set is a bound
of every set at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

from bnnplan.planner.solvers.base import Status
from bnnplan.planner.streams.found import EQUAL, SCALE, Found, Stream, in_order
from bnnplan.planner.streams.kinds import Lineup, Takes
from bnnplan.planner.streams.packing import Item, Packed, pack, period_of


@define
class Known:
    """What is known of a lineup.

    Attributes
    ----------
    lineup : Lineup
    upper : int
        A rate that no stream of it is above.
    stream : Stream or None
        The best one so far.
    done : bool
        Whether nothing of it is left that matters.
    tries : int
        How often it was solved.
    """

    lineup: Lineup
    upper: int
    stream: Stream | None = None
    done: bool = False
    tries: int = 0

    def rate(self, *, hoped: bool) -> int:
        """As found, or as it may be at most."""
        if hoped and not self.done:
            return self.upper
        return self.stream.rate if self.stream else 0


@define
class Knowledge:
    """What is known of all lineups.

    Attributes
    ----------
    rows : list of Known
    capacity : Takes
        Of the board.
    decided : int
        Objectives after the period.
    most_rate : int
        A rate that no set of streams is above.
    complete : bool
        Whether there are no other lineups.
    most_tries : int
        How often a lineup is worth solving.
    """

    rows: list[Known]
    capacity: Takes
    decided: int
    most_rate: int
    complete: bool
    most_tries: int

    def packed(self, *, hoped: bool) -> tuple[list[Known], dict[Takes, Packed]]:
        """The best sets of what is found, or of what may be, with the lineups they count."""
        rows, items = [], []
        for row in self.rows:
            rate = row.rate(hoped=hoped)
            if rate:
                costs = row.stream.costs if row.stream else (0,) * (self.decided + 1)
                rows.append(row)
                hops = len(row.lineup.kinds) - 1
                items.append(Item(row.lineup.takes, rate, costs, hops))
        return rows, pack(items, self.capacity, self.decided, EQUAL)

    def found_rates(self) -> dict[Takes, Packed]:
        """The best sets of what is found."""
        return self.packed(hoped=False)[1]

    def rest(self, takes: Takes) -> Takes:
        """What a lineup leaves of the board."""
        return tuple(a - b for a, b in zip(self.capacity, takes, strict=True))

    def next(self) -> tuple[Known, int] | None:
        """The lineup to solve next, and the rate that is worth finding; None if no other one is."""
        known = self.found_rates()
        best = known[self.capacity].rate
        # What is as good matters where something else decides.
        equal = EQUAL if self.decided else 0
        for row in self.rows:
            if not row.done and row.upper + equal <= known[row.lineup.takes].rate:
                # What its cores can do otherwise is as good.
                row.done = True
        if best >= self.most_rate and not self.decided:
            return None
        rows, hoped = self.packed(hoped=True)
        wanted = [rows[item] for item in hoped[self.capacity].items]
        if hoped[self.capacity].rate <= best + equal:
            wanted = self._as_good(hoped, best) if self.decided else []
        wanted = [row for row in wanted if not row.done and row.tries < self.most_tries]
        if not wanted:
            return None
        row = min(wanted, key=lambda one: (one.tries, len(one.lineup.kinds)))
        takes = row.lineup.takes
        # Its cores can do as much otherwise; and the rest of the board does no more than hoped.
        least = max(known[takes].rate, best - hoped[self.rest(takes)].rate)
        return row, max(0, least - equal) if self.decided else least + 1

    def unsolved(self) -> Iterator[Known]:
        """Lineups for which nothing was found, those of the highest bounds first."""
        left = [row for row in self.rows if row.stream is None]
        return iter(sorted(left, key=lambda row: -row.upper))

    def _as_good(self, hoped: dict[Takes, Packed], best: int) -> list[Known]:
        """Lineups that may be part of a set as good as the best one."""
        return [
            row
            for row in self.rows
            if not row.done and row.upper + hoped[self.rest(row.lineup.takes)].rate + EQUAL >= best
        ]

    def stated(self, seconds: float, method: str, *, asked: bool) -> Found:
        """The best set of what is found, and what is proven of it.

        Parameters
        ----------
        seconds : float
        method : str
        asked : bool
            Whether Ctrl-C has ended the search.
        """
        rows, known = self.packed(hoped=False)
        best = known[self.capacity]
        hoped = self.packed(hoped=True)[1]
        most = min(self.most_rate, hoped[self.capacity].rate) if self.complete else self.most_rate
        chosen = in_order([one for item in best.items if (one := rows[item].stream) is not None])
        if not chosen:
            proven = self.complete and all(row.done for row in self.rows)
            status = Status.INFEASIBLE if proven else Status.UNKNOWN
            bound = None if proven or not most else -(-SCALE // most)
            return Found((), status, bound, seconds, method, interrupted=asked and not proven)
        value = period_of([one.period for one in chosen])
        bound = min(value, -(-SCALE // most))
        settled = self.complete and not (self.decided and self._as_good(hoped, best.rate))
        inner = all(p.bound == p.value for one in chosen for p in one.proofs[1:])
        optimal = bound >= value and (not self.decided or (settled and inner))
        return Found(
            chosen,
            Status.OPTIMAL if optimal else Status.FEASIBLE,
            bound,
            seconds,
            method,
            interrupted=asked and not optimal,
            settled=optimal,
        )


def rate_of(period: int) -> int:
    """Batches in `SCALE` nanoseconds, rounded up."""
    return -(-SCALE // max(period, 1))
