"""What heuristics find that choose one stream on clusters and their parts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from attrs import frozen

from bnnplan.planner.baselines import HEURISTICS, by_heuristics
from bnnplan.planner.board import Board
from bnnplan.planner.cores import by_cores
from bnnplan.planner.encoding import Encoding, encode_problem, widest_teams
from bnnplan.planner.plan_errors import InfeasibleError
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import Profile
from bnnplan.planner.request import RequestError
from bnnplan.planner.solvers import refusal
from bnnplan.planner.solvers.base import Proven, SolverError, SolverResult
from bnnplan.planner.solvers.checking.checker import check, measures
from bnnplan.planner.solvers.lexicographic import with_objective
from bnnplan.planner.solvers.schedules.solutions import evaluate
from bnnplan.planner.streams.found import Stream
from bnnplan.planner.streams.problems import StreamProblems, stream_request

MOST_DEVICES = 40
"""Parts included, up to which heuristics are tried on parts; more take them too long."""


@frozen
class Tried:
    """What one heuristic found, or why it could not."""

    name: str
    encoding: Encoding
    result: SolverResult | SolverError


class StreamHeuristics:
    """What heuristics find, once that is asked for.

    On clusters alone, where there are too many parts.
    """

    def __init__(self, problems: StreamProblems) -> None:
        self.problems = problems

    @cached_property
    def board(self) -> Board:
        """The board with the parts that they choose from."""
        return self._profile.board

    @cached_property
    def tried(self) -> tuple[Tried, ...]:
        """What each of them found."""
        encoding = self._encoding
        if encoding is None:
            return ()
        problem = with_objective(encoding.problem, Measure.PERIOD)
        return tuple(Tried(name, encoding, result) for name, result in by_heuristics(problem))

    def planned(self, method: str) -> Stream | str:
        """What one of them plans, as the stream that it is; else why it has none."""
        name = HEURISTICS[method]
        found = next((one for one in self.tried if one.name == name), None)
        if found is None:
            encoding = self._encoding
            why = "" if encoding is None else refusal(method, encoding.problem)
            return why or "what is asked for leaves it no parts of the board"
        if isinstance(found.result, SolverError):
            return str(found.result)
        stream = self._stream(found)
        return stream or found.result.message or "what it chooses breaks a limit"

    def streams(self) -> Iterator[Stream]:
        """What they found on parts that share no core, as streams of lineups."""
        for one in self.tried:
            if isinstance(one.result, SolverResult) and (stream := self._stream(one)) is not None:
                yield stream

    @cached_property
    def _encoding(self) -> Encoding | None:
        """The problem that they choose in; None where nothing of it is left by the request."""
        profile = self._profile
        request = stream_request(self.problems.request, profile.board.devices)
        try:
            return encode_problem(self.problems.network, profile, request)
        except (RequestError, InfeasibleError):
            # A part that is asked for may be none of the blocks.
            return None

    @cached_property
    def _profile(self) -> Profile:
        profile = by_cores(self.problems.profile)
        few = len(profile.board.devices) <= MOST_DEVICES
        return profile if few else self.problems.profile

    def _stream(self, tried: Tried) -> Stream | None:
        assert isinstance(tried.result, SolverResult)
        if tried.result.solution is None:
            return None
        chosen = tried.encoding.chosen(tried.result.solution.choice)
        teams = widest_teams({name: (c.device, c.configuration) for name, c in chosen.items()})
        used = {self.board.device(name): team for name, team in teams.items()}
        lined = self.problems.room.lined_up(used)
        if lined is None:
            return None
        lineup, devices = lined
        encoding = self.problems.encoding(lineup, devices=devices)
        solution = evaluate(encoding.problem, encoding.choice(chosen))
        if check(encoding.problem, solution):
            return None
        values = measures(encoding.problem, solution)
        proofs = [Proven(one, values[one], None) for one in encoding.problem.objectives]
        return Stream(lineup, encoding, solution, tuple(proofs), values[Measure.LATENCY])
