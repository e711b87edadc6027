"""The OpenCL backend under the conformance kit, on every OpenCL device there is."""

from bnnplan.backends.conformance import BackendConformance
from bnnplan.backends.opencl import OpenClBackend


class TestOpenClBackend(BackendConformance):
    make_backend = OpenClBackend
