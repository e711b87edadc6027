"""The reference backend under the conformance kit."""

from bnnplan.backends.conformance import BackendConformance
from bnnplan.backends.reference import ReferenceBackend


class TestReferenceBackend(BackendConformance):
    make_backend = ReferenceBackend
