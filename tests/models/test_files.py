import json
import os
import stat

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.models import files
from bnnplan.models.errors import FileError

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(content=st.dictionaries(st.sampled_from("abcd"), JSON_VALUES))
def test_json_round_trip_is_exact(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "round.json"
    files.write_json(path, "bnnplan.test", 2, content)
    assert files.read_json(path, "bnnplan.test", 2) == content


def test_schema_and_version_stand_first(tmp_path):
    files.write_json(tmp_path / "a.json", "bnnplan.test", 1, {"größe": 1})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert list(json.loads(text)) == ["schema", "version", "größe"]
    assert "größe" in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not valid JSON at line 1"),
        (b'{"schema": "bnnplan.test",\n "version": 1', "line 2"),
        (b'{"schema": "bnnplan.test", "version": NaN}', "NaN"),
        (b'{"schema": "bnnplan.test", "version": 1e999}', "too large"),
        (b'{"schema": "bnnplan.test", "version": 1, "a": 1, "a": 2}', "stands twice"),
        (b'{"schema": "bnnplan.test", "version": 1, "a": "\\ud800"}', "surrogate"),
        (b"\xff\xfe{}", "UTF-8 at byte 0"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"[1]", "not a list"),
        (b'{"schema": "other", "version": 1}', "field schema: must be 'bnnplan.test'"),
        (b'{"schema": "bnnplan.test", "version": true}', "field version"),
        (b'{"schema": "bnnplan.test", "version": 4}', "newer bnnplan"),
        (b'{"schema": "bnnplan.test", "version": 1}', "no longer supported"),
    ],
)
def test_bad_json_gives_one_line_with_file_and_reason(tmp_path, text, reason):
    path = tmp_path / "bad.json"
    path.write_bytes(text)
    with pytest.raises(FileError, match=r"^[^\n]*$") as caught:
        files.read_json(path, "bnnplan.test", 3, {2: dict})
    assert reason in str(caught.value)
    assert "bad.json" in str(caught.value)


def test_older_versions_are_converted_step_by_step(tmp_path):
    files.write_json(tmp_path / "old.json", "bnnplan.test", 1, {"a": 1})
    migrations = {
        1: lambda old: {"b": old["a"] + 1},
        2: lambda old: {"c": old["b"] * 10},
    }
    assert files.read_json(tmp_path / "old.json", "bnnplan.test", 3, migrations) == {"c": 20}
    with pytest.raises(FileError, match="cannot convert from version 1"):
        files.read_json(tmp_path / "old.json", "bnnplan.test", 2, {1: lambda old: old["x"]})


def test_writing_replaces_the_whole_file_and_keeps_its_mode(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"long old contents")
    path.chmod(0o640)
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["missing/a", ".", "x" * 300, "a\0b"])
def test_unwritable_and_unreadable_places_are_file_errors(tmp_path, name):
    path = f"{tmp_path}/{name}"
    with pytest.raises(FileError, match="cannot write"):
        files.write_atomically(path, b"")
    with pytest.raises(FileError, match="cannot read"):
        files.read_bytes(path)
    assert os.listdir(tmp_path) == []


def test_special_files_are_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="not an ordinary file"):
        files.write_atomically(tmp_path / "pipe", b"")
    with pytest.raises(FileError, match="not an ordinary file"):
        files.read_bytes(tmp_path / "pipe")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    files.write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


@attrs.frozen
class Leaf:
    sizes: tuple[int, ...]
    names: frozenset[str] = frozenset()


def test_read_structured(tmp_path):
    files.write_json(tmp_path / "a.json", "bnnplan.test", 1, {"sizes": [1, "2"]})
    content = files.read_json(tmp_path / "a.json", "bnnplan.test", 1)
    with pytest.raises(FileError, match=r"a\.json: field sizes\[1\]: must be a whole number"):
        files.structure(content, Leaf, tmp_path / "a.json")
