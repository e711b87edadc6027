"""The repair of PoCL touches nothing but the record that it expects."""

import ctypes
from types import SimpleNamespace

import pytest

from bnnplan.backends.opencl import pocl

pytestmark = pytest.mark.skipif(
    ctypes.sizeof(ctypes.c_void_p) != 8, reason="PoCL's record is known for 64-bit systems"
)


class Record:
    """Memory like PoCL's: pointers to texts, numbers, and nothing behind them."""

    def __init__(self, *texts):
        self.texts = [ctypes.create_string_buffer(text) for text in texts]
        words = [0, 12345, 2**63, *(ctypes.addressof(text) for text in self.texts)]
        words += [0] * (pocl.RECORD_BYTES // 8 - len(words))
        self.words = (ctypes.c_uint64 * len(words))(*words)
        self.device = SimpleNamespace(int_ptr=ctypes.addressof(self.words))

    @property
    def last_text(self):
        return ctypes.string_at(self.words[2 + len(self.texts)])


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    monkeypatch.setattr(pocl, "_target", lambda: "haswell")


def test_the_name_behind_the_triple_is_replaced():
    record = Record(b"other", pocl.TRIPLE, pocl.UNKNOWN)
    assert pocl.repair(record.device) == "haswell"
    assert record.last_text == b"haswell"


@pytest.mark.parametrize(
    "texts",
    [
        (pocl.UNKNOWN,),
        (pocl.UNKNOWN, pocl.TRIPLE),
        (pocl.TRIPLE, b"znver3"),
        (pocl.TRIPLE, pocl.UNKNOWN, pocl.TRIPLE, pocl.UNKNOWN),
    ],
)
def test_any_other_record_is_left_alone(texts):
    record = Record(*texts)
    before = list(record.words)
    assert pocl.repair(record.device) is None
    assert list(record.words) == before


def test_a_processor_without_a_name_is_left_alone(monkeypatch):
    monkeypatch.setattr(pocl, "_target", lambda: None)
    record = Record(pocl.TRIPLE, pocl.UNKNOWN)
    assert pocl.repair(record.device) is None
    assert record.last_text == pocl.UNKNOWN


def test_unmapped_memory_is_left_alone():
    assert pocl.repair(SimpleNamespace(int_ptr=8)) is None


@pytest.mark.parametrize(
    ("value", "allowed"), [(None, True), ("1", True), ("", True), ("0", False)]
)
def test_the_user_can_forbid_it(monkeypatch, value, allowed):
    monkeypatch.delenv(pocl.SWITCH, raising=False)
    if value is not None:
        monkeypatch.setenv(pocl.SWITCH, value)
    assert pocl.is_allowed() is allowed
