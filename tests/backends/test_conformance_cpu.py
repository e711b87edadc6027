"""The cpu backend under the conformance kit: with the best instruction set, and each forced."""

from typing import ClassVar

import pytest

from bnnplan.backends.conformance import BackendConformance
from bnnplan.backends.cpu import CpuBackend


class TestCpuBackend(BackendConformance):
    make_backend = CpuBackend
    examples: ClassVar[int] = 60


@pytest.mark.slow
class TestCpuBackendAtLength(BackendConformance):
    make_backend = CpuBackend


class Forced(BackendConformance):
    """Tests are skipped where the machine lacks the instruction set."""

    make_backend = CpuBackend
    examples: ClassVar[int] = 60
    isa: ClassVar[str]

    @pytest.fixture(autouse=True)
    def force(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BNNPLAN_ISA", self.isa)


@pytest.mark.slow
class TestPortable(Forced):
    isa = "portable"


@pytest.mark.slow
class TestAvx2(Forced):
    isa = "avx2"


@pytest.mark.slow
class TestAvx512bw(Forced):
    isa = "avx512bw"


@pytest.mark.slow
class TestAvx512(Forced):
    isa = "avx512"


@pytest.mark.slow
class TestNeon(Forced):
    isa = "neon"
