"""CP-SAT for pipelines of parts, by the order of the parts.

Each part has a position in the pipeline, and each unit a literal for each position: whether it
lies there or before. They are monotone along the positions and along what units read, so every
solution is a pipeline of parts that never wait for each other in a circle, and equal devices need
not be told apart. What a part loads and stores is a literal for each tensor and position.

Source of the loads: Tarnawski et al., "Efficient algorithms for device placement of DNN graph
operators", NeurIPS 2020, whose integer program has a literal for each unit and device instead.
"""

from __future__ import annotations

import itertools

from ortools.sat.python import cp_model

from bnnplan.planner.solvers.cpsat.engine import Answer, Expression
from bnnplan.planner.solvers.pipelines.part_problem import Cargo, PartProblem, Parts


class PartModel:
    """The model: the least largest load below `worst` ns, and not below `least`."""

    def __init__(self, problem: PartProblem, least: int, worst: int) -> None:
        self.model = cp_model.CpModel()
        self.problem = problem
        self.places = range(sum(len(kind) for kind in problem.kinds))
        self.kinds = range(len(problem.kinds))
        self.period = self.model.new_int_var(least, worst, "period")
        self.kind = [self._one_kind(place) for place in self.places]
        for kind, devices in enumerate(problem.kinds):
            self.model.add(sum(one[kind] for one in self.kind) == len(devices))
        self.until: list[list[cp_model.IntVar]] = []
        self.there = [self._unit(unit) for unit in range(len(problem.units))]
        for unit, before in enumerate(problem.before):
            for other in before:
                for mine, its in zip(self.until[unit], self.until[other], strict=True):
                    self.model.add_implication(mine, its)
        for place in self.places:
            for kind in self.kinds:
                self._limit_load(place, kind)
                self._limit_weights(place, kind)
        self.model.minimize(self.period)

    def _one_kind(self, place: int) -> list[cp_model.IntVar]:
        literals = [self.model.new_bool_var(f"kind_{place}_{kind}") for kind in self.kinds]
        self.model.add_exactly_one(literals)
        return literals

    def _unit(self, unit: int) -> list[list[cp_model.IntVar | None]]:
        """Add the literals of a unit: for each place, and each kind where it can run."""
        model = self.model
        until = [model.new_bool_var(f"until_{unit}_{place}") for place in self.places[:-1]]
        self.until.append(until)
        for before, after in itertools.pairwise(until):
            model.add_implication(before, after)
        steps: list[Expression] = [0, *until, 1]
        there: list[list[cp_model.IntVar | None]] = []
        for place in self.places:
            by_kind: list[cp_model.IntVar | None] = []
            for kind, duration in enumerate(self.problem.durations[unit]):
                if duration is None:
                    by_kind.append(None)
                    continue
                literal = model.new_bool_var(f"there_{unit}_{place}_{kind}")
                model.add_implication(literal, self.kind[place][kind])
                by_kind.append(literal)
            known = [literal for literal in by_kind if literal is not None]
            # A domain instead of a comparison: all may be plain numbers.
            model.add_linear_expression_in_domain(
                sum(known) - steps[place + 1] + steps[place], cp_model.Domain(0, 0)
            )
            there.append(by_kind)
        model.add_exactly_one(one for by_kind in there for one in by_kind if one is not None)
        return there

    def _limit_load(self, place: int, kind: int) -> None:
        problem = self.problem
        load: Expression = sum(
            duration * literal
            for unit, there in enumerate(self.there)
            for literal, duration in [(there[place][kind], problem.durations[unit][kind])]
            if literal is not None and duration
        )
        for number, cargo in enumerate(problem.cargo):
            name = f"{number}_{place}_{kind}"
            if cargo.load[kind]:
                load += cargo.load[kind] * self._loaded(cargo, place, kind, f"loaded_{name}")
            if cargo.store[kind]:
                load += cargo.store[kind] * self._stored(cargo, place, kind, f"stored_{name}")
        self.model.add_linear_expression_in_domain(
            load - self.period, cp_model.Domain(cp_model.INT_MIN, 0)
        )

    def _loaded(self, cargo: Cargo, place: int, kind: int, name: str) -> Expression:
        """Tell whether a tensor is read here, and made elsewhere."""
        made = 0 if cargo.maker is None else self._here(cargo.maker, place, kind)
        reads = [self._here(unit, place, kind) for unit in cargo.readers]
        loaded = self.model.new_bool_var(name)
        for read in reads:
            self.model.add_linear_expression_in_domain(
                loaded - read + made, cp_model.Domain(0, cp_model.INT_MAX)
            )
        return loaded

    def _stored(self, cargo: Cargo, place: int, kind: int, name: str) -> Expression:
        """Tell whether a tensor is made here, and read elsewhere."""
        if cargo.maker is None:
            return 0
        made = self._here(cargo.maker, place, kind)
        if cargo.outside:
            return made
        stored = self.model.new_bool_var(name)
        for unit in cargo.readers:
            self.model.add_linear_expression_in_domain(
                stored - made + self._here(unit, place, kind),
                cp_model.Domain(0, cp_model.INT_MAX),
            )
        return stored

    def _here(self, unit: int, place: int, kind: int) -> Expression:
        literal = self.there[unit][place][kind]
        return 0 if literal is None else literal

    def _limit_weights(self, place: int, kind: int) -> None:
        room = self.problem.rooms[kind]
        if room is None:
            return
        held: Expression = sum(
            weights[kind] * self._here(unit, place, kind)
            for unit, weights in enumerate(self.problem.weights)
            if weights[kind]
        )
        self.model.add_linear_expression_in_domain(held, cp_model.Domain(cp_model.INT_MIN, room))

    def hint(self, parts: Parts, period: int) -> None:
        """Hint every decision of a solution; what follows from them is left out."""
        of_kind = {name: kind for kind, names in enumerate(self.problem.kinds) for name in names}
        self.model.add_hint(self.period, period)
        used = [of_kind[device] for device, _ in parts]
        spare = [
            kind
            for kind, names in enumerate(self.problem.kinds)
            for _ in range(len(names) - used.count(kind))
        ]
        for place, chosen in enumerate(used + spare):
            for kind, literal in enumerate(self.kind[place]):
                self.model.add_hint(literal, int(kind == chosen))
        for place, (device, units) in enumerate(parts):
            for unit in units:
                for other, literal in enumerate(self.until[unit]):
                    self.model.add_hint(literal, int(place <= other))
                for other, by_kind in enumerate(self.there[unit]):
                    for kind, found in enumerate(by_kind):
                        if found is not None:
                            here = place == other and kind == of_kind[device]
                            self.model.add_hint(found, int(here))

    def parts(self, answer: Answer) -> Parts:
        """Read the parts of a solution."""
        free = [iter(kind) for kind in self.problem.kinds]
        parts = []
        for place, literals in enumerate(self.kind):
            kind = next(kind for kind, literal in enumerate(literals) if answer.value(literal))
            units = [
                unit
                for unit, there in enumerate(self.there)
                for literal in [there[place][kind]]
                if literal is not None and answer.value(literal)
            ]
            parts.append((next(free[kind]), units))
        return parts
