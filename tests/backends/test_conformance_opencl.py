"""The OpenCL backend under the conformance kit, on every OpenCL device there is."""

from typing import ClassVar

import pytest

from bnnplan.backends.conformance import BackendConformance
from bnnplan.backends.opencl import OpenClBackend


class TestOpenClBackend(BackendConformance):
    make_backend = OpenClBackend
    examples: ClassVar[int] = 60


@pytest.mark.slow
class TestOpenClBackendAtLength(BackendConformance):
    make_backend = OpenClBackend
