"""The measuring itself: survey, transfers, rounds of whole-network programs, profile."""

from __future__ import annotations

import os
import time

from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profile import Profile
from bnnplan.planner.profiling.building import Measured
from bnnplan.planner.profiling.elimination import Elimination, is_timed
from bnnplan.planner.profiling.knowledge import Knowledge
from bnnplan.planner.profiling.options import Options, Progress
from bnnplan.planner.profiling.oracle import Oracle
from bnnplan.planner.profiling.rounds import Rounds
from bnnplan.planner.profiling.surveying import SHARE, Survey, signatures_of
from bnnplan.planner.profiling.transfers import measure_transfers


def profile_network(
    network: Network,
    board: Board,
    *,
    batch: int = 1,
    options: Options | None = None,
    earlier: Profile | None = None,
    progress: Progress | None = None,
    bench: Workbench | None = None,
    expected: Profile | None = None,
) -> Profile:
    """Measure a network on a board.

    Ctrl-C while layers are timed ends measuring early: the profile then says that it is not
    complete, and can be given as `earlier` to go on from there. Before that nothing is timed yet
    that could be kept, and KeyboardInterrupt is raised.

    Parameters
    ----------
    network : Network
    board : Board
    batch : int
        Images computed at once.
    options : Options, optional
    earlier : Profile, optional
        An incomplete profile of the same network and board: what is stable there is kept.
    progress : callable, optional
    bench : Workbench, optional
        Kernels that are prepared already.
    expected : Profile, optional
        Predicted costs, from which elimination begins.

    Raises
    ------
    ProfileError
        If some layer has no placement at all (the reasons are listed), or `earlier` or `expected`
        is of another network or batch size.
    """
    for known in (earlier, expected):
        if known is not None:
            known.require(network, batch)
    session = _Profiler(
        bench or Workbench(network, board, batch),
        options or Options(),
        earlier,
        progress or (lambda share, text: None),
        expected,
    )
    return session.run()


class _Profiler:
    def __init__(
        self,
        bench: Workbench,
        options: Options,
        earlier: Profile | None,
        progress: Progress,
        expected: Profile | None,
    ) -> None:
        self.bench = bench
        self.options = options
        self.earlier = earlier
        self.progress = progress
        self.begin = time.monotonic()
        self.load = os.getloadavg()[0]
        self.signatures = signatures_of(bench.network, bench.batch)
        self.elimination: Elimination | None = None
        if options.eliminate:
            knowledge = Knowledge(bench.network, bench.board, self.signatures, expected)
            self.elimination = Elimination(knowledge, bench.batch)

    def run(self) -> Profile:
        self.progress(0.0, "reference values")
        oracle = Oracle(self.bench, self.options.seed)
        about = self.bench, oracle, self.signatures, self.elimination, self.progress
        self.survey = Survey(*about)
        self.rounds = Rounds(self.survey, self.options.tolerance)
        self._look()
        self.progress(SHARE, "transfers")
        self.transfers = measure_transfers(self.bench)
        complete = True
        try:
            self._time()
        except KeyboardInterrupt:
            complete = False
        what = self.survey, self.rounds, self.transfers, self.earlier
        return Measured(*what, self.begin, self.load).profile(complete=complete)

    def _look(self) -> None:
        self.survey.look()
        if self.earlier is not None:
            self.survey.settle(self.earlier, self.options.tolerance)

    def _time(self) -> None:
        tolerance, budget = self.options.tolerance, self.options.budget
        self._eliminate()
        while waiting := self.survey.waiting(tolerance):
            spent = time.monotonic() - self.begin
            # However small the budget: without one round there is no launch and no warm time.
            if spent >= budget and self.rounds.launch_samples:
                break
            done = max(self.survey.share_done(tolerance), min(1.0, spent / max(budget, 1e-9)))
            self.progress(SHARE + (1 - SHARE) * done, "timing whole-network programs")
            self.rounds.run(list(dict.fromkeys(choice.device for choice in waiting)))
            if self.elimination is None:
                for choice in waiting:
                    choice.drop_hopeless(tolerance)
            self._eliminate()

    def _eliminate(self) -> None:
        """Give up what can no longer win, and prepare what can after all."""
        if self.elimination is None:
            return
        known = self.survey.choices, self.transfers, self.rounds.launches(self.earlier)
        self.elimination.drop(*known, self.options.tolerance)
        chances = [list(self.survey.of(node)) for node in self.bench.network.nodes]
        is_lacking = any(not any(c.candidates for c in mine) for mine in chances)
        timed = all(is_timed(c) for mine in chances for choice in mine for c in choice.candidates)
        if (is_lacking or timed) and self.elimination.reopened(*known):
            self._look()
            self.elimination.drop(*known, self.options.tolerance)
