"""Times layers inside programs of the whole network, one configuration of each in a round."""

from __future__ import annotations

import statistics
import time

from bnnplan.models.graph import Node
from bnnplan.planner.profile import LaunchCost, Profile
from bnnplan.planner.profiling.candidates import Candidate
from bnnplan.planner.profiling.programs import Programs
from bnnplan.planner.profiling.savings import RUNS_A_ROUND
from bnnplan.planner.profiling.surveying import Survey

FEW_RUNS = 2
"""In a round while eliminating: what decides after few samples had better be of many moments."""


class Rounds:
    """Takes samples of all that waits for them, and of what it takes to launch a program.

    Parameters
    ----------
    survey : Survey
        Whose candidates get the samples.
    tolerance : float
        As in :class:`~.options.Options`.
    """

    def __init__(self, survey: Survey, tolerance: float) -> None:
        self.survey = survey
        self.tolerance = tolerance
        self.programs = Programs(survey.oracle)
        self.runs = RUNS_A_ROUND if survey.elimination is None else FEW_RUNS
        """That are timed in a round."""
        self.launch_samples: dict[tuple[str, int], list[int]] = {}
        self.seconds: dict[str, list[float]] = {}
        """Of timing each program, by device."""

    def run(self, devices: list[str]) -> None:
        """One round on each device with each number of threads that its layers wait for."""
        for device in devices:
            for threads in self._thread_counts(device):
                self.time(device, threads)

    def _thread_counts(self, device: str) -> list[int]:
        is_eliminating = self.survey.elimination is not None
        counts = {
            candidate.configuration.threads
            for choice in self.survey.choices.values()
            for candidate in choice.candidates
            if choice.device == device and (not is_eliminating or candidate.waits(self.tolerance))
        }
        return sorted(counts)

    def time(self, device: str, threads: int) -> None:
        """Time one program of all layers that the device supports, each in its next turn.

        Programs of few and of many threads are timed apart, since a program wakes as many
        threads as its layers want at most.
        """
        begin = time.monotonic()
        layers = self._turns(device, threads)
        chosen = [candidate for _, candidate in layers]
        widest = max(candidate.configuration.threads for candidate in chosen)
        launches = self.launch_samples.setdefault((device, widest), [])
        bench = self.survey.bench
        program = self.programs.link(
            device,
            [(node, bench.kernel(node, device, one.configuration)) for node, one in layers],
        )
        program.run()
        for _ in range(self.runs):
            times = program.run_timed()
            for candidate, duration in zip(chosen, times, strict=True):
                candidate.samples.append(duration)
        # Telling what layers take is itself no part of launching them.
        start = time.perf_counter_ns()
        program.run()
        whole = time.perf_counter_ns() - start
        launches.append(whole - sum(times))
        end = time.monotonic()
        self.seconds.setdefault(device, []).append(end - begin)
        for candidate in chosen:
            candidate.was_timed(begin, end)

    def _turns(self, device: str, threads: int) -> list[tuple[Node, Candidate]]:
        """Of each layer the next that waits, or the best where none does."""
        turns: dict[str, int] = {}
        layers: list[tuple[Node, Candidate]] = []
        for node in self.survey.bench.network.nodes:
            choice = self.survey.choice(node, device)
            is_left = self.survey.elimination is None or not choice.is_hopeless
            if not choice.candidates or not is_left:
                continue
            active = choice.active(self.tolerance, threads) or [choice.best(threads)]
            key = self.survey.signatures[node.name]
            turn = turns.get(key, 0)
            turns[key] = turn + 1
            layers.append((node, active[turn % len(active)]))
        return layers

    def launches(self, earlier: Profile | None) -> list[LaunchCost]:
        """What this run measured, and of an earlier one what this run had no need to measure."""
        found = (
            {(cost.device, cost.threads): cost.ns for cost in earlier.launches} if earlier else {}
        )
        for key, samples in self.launch_samples.items():
            if samples:
                # A difference of two runs is below 0 now and then; none of them alone says much.
                found[key] = max(0, round(statistics.median(samples)))
        return [LaunchCost(device, threads, ns) for (device, threads), ns in sorted(found.items())]
