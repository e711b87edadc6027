"""The pipeline that a caller uses: frames in, results out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from types import TracebackType

import numpy as np

from bnnplan.backends.interface import DeviceError
from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.execution.pipelines.assembly import assemble
from bnnplan.planner.execution.pipelines.asynchronous import results_of
from bnnplan.planner.execution.pipelines.flow import Flow
from bnnplan.planner.execution.pipelines.frames import Frame, Framing, Result
from bnnplan.planner.execution.pipelines.reading import Reading
from bnnplan.planner.execution.pipelines.repeating import repeat
from bnnplan.planner.execution.pipelines.report import PipelineReport
from bnnplan.planner.execution.pipelines.sizes import MOST_KEPT, MOST_SLACK, MOST_WINDOW
from bnnplan.planner.execution.pipelines.stage_events import StageTurns, trace_of_turns
from bnnplan.planner.execution.pipelines.started import Started
from bnnplan.planner.execution.pipelines.tally import Tally
from bnnplan.planner.execution.trace import Trace
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.plan import MeasuredPipeline, MemoryUse, Plan

PATIENCE = 0.05
"""How long results are waited for before those that are there are given, seconds."""
WAITING_SHARE = 0.25
"""Of the time for which the source waits, that it is kept waiting for the results of its frames."""


class Pipeline:
    """A plan whose stages work on different batches at the same time.

    Threads run within its ``with`` block, which may be entered again afterwards. Plans that were
    not solved as pipelines run as well: all layers in one stage, or, if the plan runs devices at
    the same time, in as many as that takes.

    Parameters
    ----------
    plan : Plan
    network : Network, optional
        Lowered; by default what the plan was opened from.
    slack : int, optional
        How often more than needed tensors are held between stages, so that a stage which takes
        longer now and then does not stop the others. By default 1; 0 where the plan's request
        limits latency, or where memory would not suffice.
    window : int, optional
        Most batches that are inside at once, results that nobody has taken included.
    kept : int
        Turns of every stage that are kept for `trace`: the last ones. By default none.

    Attributes
    ----------
    memory : tuple of MemoryUse
        What it holds, by memory space, without the window.
    window_bytes : int
        What the window holds.

    Raises
    ------
    PlanError
        If the plan is of another network.
    DeviceError
        If a device is not here, or has no memory left.
    InputError
        If slack or window are out of range, or `plan` is something else.
    """

    def __init__(
        self,
        plan: Plan,
        network: Network | None = None,
        *,
        slack: int | None = None,
        window: int | None = None,
        kept: int = 0,
    ) -> None:
        if not isinstance(plan, Plan):
            raise InputError(f"a pipeline runs a Plan, not {plan!r:.60}; load_plan reads one")
        _check_range("slack must be", slack, 0, MOST_SLACK)
        _check_range("the batches of a window must be", window, 1, MOST_WINDOW)
        _check_range("the turns that are kept must be", kept, 0, MOST_KEPT)
        self.plan = plan
        self.network = lower(open_network(plan.source)) if network is None else network
        plan.require(self.network)
        used = dict.fromkeys(layer.device for stream in plan.streams for layer in stream.layers)
        bench = Workbench(self.network, plan.board.only(used), plan.batch)
        self._assembly = assemble(bench, plan, slack=slack, window=window)
        self._framing = Framing(self.network, plan.batch, self._assembly.window)
        self.memory: tuple[MemoryUse, ...] = self._assembly.memory
        self.window_bytes = sum(slots.nbytes for slots in self._assembly.window.values())
        self._kept = kept
        self._turns: list[list[StageTurns]] = []
        self._started: Started | None = None
        self._claim: Flow | None = None
        self._last: Flow | None = None

    @property
    def window(self) -> int:
        """Most batches that are inside at once."""
        return self._framing.count

    def __enter__(self) -> Pipeline:
        if self._started is not None:
            raise DeviceError("the pipeline runs already; leave its 'with' block first")
        self._started = Started(
            self._assembly.streams, self._assembly.labels, self.window, self._kept
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        started, self._started = self._started, None
        if started is not None:
            if self._claim is not None:
                self._claim.close()
                self._claim = None
            try:
                if self._kept:
                    self._turns = started.turns()
            finally:
                started.close()

    def map(self, frames: Iterable[Frame]) -> Iterator[Result]:
        """Compute the results of frames, in their order, as they are asked for.

        Frames are taken from the iterable as there is room for them: at most a window ahead of the
        results that were taken. Where the source has to wait for them, as that of a camera, the
        results of its frames are given before the next one is asked for, unless they take long.
        A source that gives a frame only when it has seen the result of the one before may wait
        forever: map each frame on its own, or use `amap`.

        Parameters
        ----------
        frames : iterable of ndarray, shape of the network's input
            Each is one image in plain elements (bits: ±1); of networks with several inputs,
            mappings of arrays by name.

        Yields
        ------
        ndarray, or dict of str to ndarray
            Plain elements of the output; of several outputs by name.

        Raises
        ------
        InputError
            If a frame does not fit the network, after the results of all before it.
        StageError
            If a stage fails, after the results of all frames before the failed one.
        DeviceError
            If the pipeline is not entered, or maps already.
        """
        return self._mapped(Reading(frames), self._running)

    def amap(self, frames: Iterable[Frame] | AsyncIterable[Frame]) -> AsyncIterator[Result]:
        """`map` for asyncio; the event loop goes on while results are waited for."""
        started = self._running
        return results_of(frames, lambda: self._claimed(started))

    def run_batches(self, arrays: Mapping[str, np.ndarray], count: int) -> MeasuredPipeline:
        """Compute one batch again and again, to measure; the interpreter does nothing for each.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Inputs in the shared formats, as :func:`bnnplan.planner.execution.runner.check_feeds`
            gives them.
        count : int
            Batches that are measured, at least 1; some more are run to fill the pipeline before,
            and not to empty it too early.
        """
        with self._claimed(self._running) as flow:
            return repeat(flow, arrays, count, sum(len(s.stages) for s in self._assembly.streams))

    def report(self) -> PipelineReport:
        """What the last call did, or has done so far."""
        return PipelineReport(0, 0.0, None) if self._last is None else self._last.report()

    def trace(self) -> Trace:
        """When which stage worked on which batch, and what it waited for, in its last turns.

        Of the ``with`` block that it is in, or was in last.

        Raises
        ------
        InputError
            If no turns are kept.
        """
        if not self._kept:
            raise InputError("no turns are kept; make the pipeline with kept=N to trace the last N")
        started = self._started
        return trace_of_turns(self._turns if started is None else started.turns())

    @property
    def _running(self) -> Started:
        if self._started is None:
            raise DeviceError("the pipeline does not run; use it within a 'with' block")
        return self._started

    @contextlib.contextmanager
    def _claimed(self, started: Started) -> Iterator[Flow]:
        """A flow of its own for a call: there is one at a time."""
        if self._claim is not None:
            raise DeviceError(
                "the pipeline maps other frames already; take all their results, or close them"
            )
        started.recount()
        flow = Flow(started, self._framing, Tally(started.native, self._assembly.labels))
        self._claim = self._last = flow
        try:
            yield flow
        finally:
            flow.close()
            # The pipeline may have been left meanwhile, and entered again.
            if self._claim is flow:
                self._claim = None

    def _mapped(self, reading: Reading, started: Started) -> Iterator[Result]:
        with self._claimed(started) as flow:
            fault: Exception | None = None
            while not flow.is_over:
                patience = PATIENCE
                if flow.wants > 0:
                    some = reading.some(flow.wants)
                    fault = flow.accept(some)
                    patience = WAITING_SHARE * some.idle
                yield from flow.step(patience)
            if fault is not None:
                raise fault


def _check_range(what: str, value: int | None, least: int, most: int) -> None:
    """Refuse what is no whole number, or one that is out of range."""
    if value is None:
        return
    if not isinstance(value, int | np.integer) or not least <= value <= most:
        shown = f"{value:,}" if isinstance(value, int) else repr(value)
        raise InputError(f"{what} from {least} to {most:,}, not {shown}")
