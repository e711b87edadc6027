"""The best of several problems' results, and what is proven over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import attrs
from attrs import frozen

from bnnplan.planner.encoding import Encoding
from bnnplan.planner.problem import Measure
from bnnplan.planner.solvers.base import Proven, SolverResult, Status, proofs_of


@frozen
class Solved:
    """A problem and what was found for it.

    Parameters
    ----------
    encoding : Encoding
    result : SolverResult
    images : int
        In its batch: results of several batches compare by image.
    """

    encoding: Encoding
    result: SolverResult
    images: int = 1

    @property
    def proofs(self) -> tuple[Proven, ...]:
        """One for each objective; empty without a solution."""
        return proofs_of(self.encoding.problem, self.result)

    @property
    def bound(self) -> int | None:
        """Below which no solution is in the first objective."""
        return self.proofs[0].bound if self.proofs else self.result.bound

    def per_image(self, measure: Measure, value: int) -> Fraction:
        """A value of the batch by image."""
        return by_image(measure, value, self.images)

    @property
    def rank(self) -> tuple[Fraction, ...]:
        """The values by image; the lesser, the better."""
        return tuple(self.per_image(one.measure, one.value) for one in self.proofs)


def by_image(measure: Measure, value: int, images: int) -> Fraction:
    """A value of a batch by image; memory is that of the whole batch."""
    return Fraction(value, 1 if measure is Measure.MEMORY else images)


def best(solved: Sequence[Solved]) -> Solved:
    """The best of several results, with bounds that hold for all of them.

    Where nothing has a solution, one that is not infeasible, if there is one. Bounds are in the
    unit of the chosen batch: none of the problems has a solution that is below them by image. The
    bound of a further objective is one among solutions that are as good in those before.
    """
    feasible = [one for one in solved if one.proofs]
    if not feasible:
        unknown = [one for one in solved if one.result.status is not Status.INFEASIBLE]
        return (unknown or list(solved))[-1]
    chosen = min(feasible, key=lambda one: one.rank)
    rivals = [one for one in solved if one.result.status is not Status.INFEASIBLE]
    proofs: list[Proven] = []
    for number, own in enumerate(chosen.proofs):
        bounds = [_bound(one, number, own.measure) for one in rivals]
        least = None if None in bounds else min(b for b in bounds if b is not None)
        whole = None if least is None else _whole(chosen, own, least)
        proofs.append(attrs.evolve(own, bound=whole))
        # Who cannot be as good so far has no part in what comes next.
        value = chosen.per_image(own.measure, own.value)
        rivals = [
            one
            for one, bound in zip(rivals, bounds, strict=True)
            if bound is None or bound <= value
        ]
    optimal = all(one.bound == one.value for one in proofs)
    result = attrs.evolve(
        chosen.result,
        bound=proofs[0].bound,
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
        runtime_s=sum(one.result.runtime_s for one in solved),
        interrupted=not optimal and any(one.result.interrupted for one in solved),
        proofs=tuple(proofs),
    )
    return attrs.evolve(chosen, result=result)


def _bound(one: Solved, number: int, measure: Measure) -> Fraction | None:
    bound = one.bound
    if number > 0:
        bound = one.proofs[number].bound if one.proofs else None
    return None if bound is None else one.per_image(measure, bound)


def _whole(chosen: Solved, own: Proven, least: Fraction) -> int:
    """A bound by image as one of the chosen batch: whole, and not above its value."""
    images = 1 if own.measure is Measure.MEMORY else chosen.images
    return min(own.value, int(least * images))
