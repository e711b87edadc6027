"""The examination of a backend: every law, on every device, for every kind of layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.strategies import SearchStrategy

from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.law import BY_KIND, Law, Scope
from bnnplan.backends.conformance.laws import LAWS
from bnnplan.backends.conformance.networks import networks
from bnnplan.backends.conformance.report import ConformanceReport, Outcome, SupportRow
from bnnplan.backends.conformance.searching import Search, explain, search
from bnnplan.backends.conformance.strategies import Case, cases, full_sums, tensors
from bnnplan.backends.conformance.subject import Subject, Support
from bnnplan.backends.interface import Backend, Configuration
from bnnplan.backends.registry import devices_of, get_backend

PROBES = 40
"""Layers of a kind that are asked for before a device counts as not running the kind."""
FEW_PROBES = 4
"""Layers that are asked for first: mostly one of them is run, which is all there is to know."""


class Examination:
    """A backend with what is known of it so far.

    Parameters
    ----------
    make : callable
        Makes an instance of the backend.
    seed : int, optional
        Makes the examples the same every time.
    """

    def __init__(self, make: Callable[[], Backend], seed: int | None = None) -> None:
        self.backend = make()
        found, self.unavailable = devices_of(self.backend)
        self.subjects = [Subject(make, self.backend, device) for device in found]
        self.seed = seed

    @staticmethod
    def agenda() -> Iterator[tuple[Law, str]]:
        """Every law, with every kind of layer if it is examined by kind."""
        for law in LAWS:
            for kind in KINDS if law.scope in BY_KIND else ("",):
                yield law, kind

    def examine(self, law: Law, kind: str, examples: int) -> list[Outcome]:
        """Examine a law on every device."""
        return [self._examine(subject, law, kind, examples) for subject in self.subjects]

    def support(self) -> Iterator[SupportRow]:
        """How often each device supports layers of each kind."""
        for subject in self.subjects:
            for kind in KINDS:
                known = self._support(subject, kind)
                yield SupportRow(
                    subject.device.name, kind, known.supported, known.refused, known.main_reason
                )

    def _examine(self, subject: Subject, law: Law, kind: str, examples: int) -> Outcome:
        outcome = partial(Outcome, law.name, kind, subject.device.name)
        if law.scope in (Scope.DEVICE, Scope.ANSWER, Scope.TENSOR):
            found = self._search(subject, law, kind, examples)
            return outcome(found.examples, found.failure)
        wanted = (kind,) if kind else tuple(KINDS)
        kinds = [name for name in wanted if self._runs(subject, name)]
        if not kinds:
            return outcome(0, unsupported=self._support(subject, wanted[0]).main_reason)
        found = self._search(subject, law, kind, examples, kinds)
        if found.failure is None and law.scope is Scope.KIND:
            missed = [item for item in subject.untested.items() if item[0][0] == kind]
            found = _go_on(
                subject,
                found,
                [(case, key[1]) for key, case in missed if key not in subject.tested],
            )
        if found.failure is None and law.scope is Scope.EXTREME:
            found = _go_on(subject, found, _every_way(subject, kind))
        return outcome(found.examples, found.failure)

    def _search(
        self,
        subject: Subject,
        law: Law,
        kind: str,
        examples: int,
        kinds: Sequence[str] = (),
    ) -> Search:
        check = partial(law.check, subject)
        run = partial(search, check=check, seed=self.seed)
        fits = partial(_is_supported, subject)
        match law.scope:
            case Scope.DEVICE:
                try:
                    check(None)
                except Exception as error:
                    return Search(1, explain(error))
                return Search(1)
            case Scope.TENSOR:
                return run(tensors(), examples=examples)
            case Scope.ANSWER:
                return run(cases([kind]), examples=examples)
            case Scope.EXTREME:
                strategy: SearchStrategy[Any] = cases(kinds, extreme=True)
                return run(strategy, examples=max(1, examples // 10), fits=fits)
            case Scope.NETWORK:
                strategy = networks(kinds, subject.supports)
                return run(strategy, examples=examples, fits=lambda sample: sample.network.nodes)
            case _:
                return run(cases(kinds), examples=examples, fits=fits)

    def _runs(self, subject: Subject, kind: str) -> bool:
        return any(self._support(subject, kind, n).supported for n in (FEW_PROBES, PROBES))

    def _support(self, subject: Subject, kind: str, probes: int = PROBES) -> Support:
        known = subject.support.get(kind, Support())
        if not known.supported and known.refused < probes:
            law = next(law for law in LAWS if law.scope is Scope.ANSWER)
            self._search(subject, law, kind, probes)
            known = subject.support.get(kind, known)
        return known


def _every_way(subject: Subject, kind: str) -> Iterator[tuple[Case, Configuration]]:
    """The fullest sums of a kind in all configurations."""
    for case in full_sums():
        if case.bound.layer.kind == kind and subject.supports(case.bound):
            for configuration in subject.backend.configurations(case.bound, subject.device):
                yield case, configuration


def _go_on(subject: Subject, found: Search, more: Iterable[tuple[Case, Configuration]]) -> Search:
    """Check further cases after a search that found nothing."""
    examples = found.examples
    for case, configuration in more:
        examples += 1
        try:
            subject.check(case, configuration)
        except Exception as error:
            return Search(examples, f"{explain(error)}; with {case}")
    return Search(examples)


def _is_supported(subject: Subject, case: Any) -> bool:
    return subject.supports(case.bound)


@contextmanager
def _nothing_left_behind() -> Iterator[None]:
    """Let hypothesis keep its files away from the folder that the user works in."""
    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def check_backend(
    name: str,
    examples: int = 200,
    progress: Callable[[float, str], None] | None = None,
    *,
    seed: int | None = None,
) -> ConformanceReport:
    """Examine a registered backend by all laws, without pytest.

    Parameters
    ----------
    name : str
    examples : int
        Examples of each law; by kind of layer where a law is examined so.
    progress : callable, optional
        Called with the share that is done, from 0 to 1, and the name of the next law.
    seed : int, optional
        Makes the examples the same every time.

    Raises
    ------
    UnsupportedError
        If the backend is not installed or cannot be made.
    """
    examination = Examination(partial(get_backend, name), seed)
    agenda = list(examination.agenda())
    rows: list[Outcome] = []
    with _nothing_left_behind():
        for done, (law, kind) in enumerate(agenda):
            if progress is not None:
                progress(done / len(agenda), f"{law.name} {kind}".strip())
            rows += examination.examine(law, kind, examples)
        support = tuple(examination.support())
    if progress is not None:
        progress(1.0, "")
    return ConformanceReport(name, tuple(rows), support, tuple(examination.unavailable))
