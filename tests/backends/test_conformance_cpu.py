"""The cpu backend under the conformance kit, with the instruction set that is best here."""

from bnnplan.backends.conformance import BackendConformance
from bnnplan.backends.cpu import CpuBackend


class TestCpuBackend(BackendConformance):
    make_backend = CpuBackend
