"""The reference backend under the conformance kit, and the page that states its laws."""

import re
from pathlib import Path

from bnnplan.backends.conformance import LAWS, BackendConformance
from bnnplan.backends.reference import ReferenceBackend

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


class TestReferenceBackend(BackendConformance):
    make_backend = ReferenceBackend


def test_the_page_states_the_laws_in_order():
    stated = re.findall(r"^(\d+)\. \*\*(.+?)\*\*\. (.+)$", PAGE.read_text(), re.MULTILINE)
    assert stated == [(str(n), law.name, law.statement) for n, law in enumerate(LAWS, 1)]
