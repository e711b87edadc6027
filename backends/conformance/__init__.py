"""The conformance kit: laws that every backend keeps, examined with drawn examples.

Plugin authors derive a test class from :class:`BackendConformance`; :func:`check_backend`
examines a backend without pytest. The kit needs hypothesis (``pip install 'bnnplan[test]'``).
"""

from bnnplan.models.errors import UnsupportedError

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise UnsupportedError(
        "the conformance kit needs hypothesis; pip install 'bnnplan[test]'"
    ) from error

from bnnplan.backends.conformance.comparing import LawBrokenError, require_equal
from bnnplan.backends.conformance.examination import Examination, check_backend
from bnnplan.backends.conformance.kinds import KINDS
from bnnplan.backends.conformance.law import Law
from bnnplan.backends.conformance.laws import LAWS
from bnnplan.backends.conformance.report import ConformanceReport, Outcome, SupportRow
from bnnplan.backends.conformance.suite import BackendConformance

__all__ = [
    "KINDS",
    "LAWS",
    "BackendConformance",
    "ConformanceReport",
    "Examination",
    "Law",
    "LawBrokenError",
    "Outcome",
    "SupportRow",
    "check_backend",
    "require_equal",
]
