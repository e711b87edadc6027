"""The conformance kit as a pytest class."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from bnnplan.backends.conformance.examination import Examination
from bnnplan.backends.conformance.law import Law
from bnnplan.backends.interface import Backend
from bnnplan.backends.registry import get_backend


class BackendConformance:
    """All laws as tests; the whole test file of a backend is an empty subclass of it.

    ::

        from bnnplan.backends.conformance import BackendConformance

        class TestMyBackend(BackendConformance):
            backend_name = "my"

    A test is named after its law and the kind of layer: ``pytest -k "results and BinaryConv2d"``
    runs one. Kinds that no device supports are skipped with the reason; kinds that are supported
    in part are listed as warnings.

    Attributes
    ----------
    backend_name : str
        Registered name of the backend.
    examples : int
        Examples of each law, by kind of layer where a law is examined so.
    """

    backend_name: ClassVar[str] = ""
    examples: ClassVar[int] = 200

    @classmethod
    def make_backend(cls) -> Backend:
        """An instance of the backend; override it to examine one that is not registered."""
        return get_backend(cls.backend_name)

    @classmethod
    def examination(cls) -> Examination:
        """The one examination that all tests of the class share."""
        if "_examination" not in cls.__dict__:
            cls._examination = Examination(cls.make_backend)  # type: ignore[attr-defined]
        return cls._examination  # type: ignore[attr-defined]

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of every law and kind."""
        if {"law", "kind"} <= set(metafunc.fixturenames):
            agenda = list(Examination.agenda())
            names = [f"{law.name} {kind}".strip().replace(" ", "-") for law, kind in agenda]
            metafunc.parametrize(("law", "kind"), agenda, ids=names)

    def test_law(self, law: Law, kind: str) -> None:
        """The law is kept on every device of the backend."""
        # The kit is usable without pytest, which is here because it runs this method.
        import pytest

        examination = self.examination()
        if not examination.subjects:
            missing = (f"{item.name}: {item.reason}" for item in examination.unavailable)
            pytest.skip(f"no device: {'; '.join(missing)}")
        outcomes = examination.examine(law, kind, self.examples)
        broken = [str(outcome) for outcome in outcomes if outcome.failure is not None]
        assert not broken, "\n".join(broken)
        lacking = [o for o in outcomes if o.unsupported is not None]
        texts = [f"{o.device} runs no {o.kind or 'layers'}: {o.unsupported}" for o in lacking]
        if len(lacking) == len(outcomes):
            pytest.skip("; ".join(texts))
        for text in texts:
            warnings.warn(text, stacklevel=1)

    def test_support_is_listed(self) -> None:
        """What devices do not run is told, never passed over."""
        lines = [
            f"{row.device} runs {row.supported} of {row.supported + row.refused} drawn "
            f"{row.kind} layers: {row.reason}"
            for row in self.examination().support()
            if row.refused
        ]
        if lines:
            warnings.warn("\n".join(["not everything is supported:", *lines]), stacklevel=1)
