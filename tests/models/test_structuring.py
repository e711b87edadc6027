import enum

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.models.errors import FileError, NetworkError
from bnnplan.models.structuring import converter, structure


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Part:
    count: int
    share: float = 0.5

    def __attrs_post_init__(self):
        if self.count < 0:
            raise NetworkError("count must not be negative")


@attrs.frozen
class Whole:
    name: str
    colour: Colour
    pair: tuple[int, str]
    parts: tuple[Part, ...] = ()
    tags: frozenset[str] = frozenset()
    limit: int | None = None
    exact: bool = False
    table: dict[str, Part] = attrs.field(factory=dict)


GOOD = {"name": "n", "colour": "red", "pair": [1, "a"]}

PARTS = st.builds(Part, count=st.integers(0), share=st.floats(allow_nan=False))


@given(
    whole=st.builds(
        Whole,
        name=st.text(),
        colour=st.sampled_from(Colour),
        pair=st.tuples(st.integers(), st.text()),
        parts=st.lists(PARTS).map(tuple),
        tags=st.frozensets(st.text()),
        limit=st.none() | st.integers(),
        exact=st.booleans(),
        table=st.dictionaries(st.text(), PARTS),
    )
)
def test_round_trip(whole):
    plain = converter().unstructure(whole)
    assert plain["tags"] == sorted(whole.tags)
    assert structure(plain, Whole, "f.json") == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "field name: must be a text, not 3"),
        ({"colour": "green"}, "field colour: must be one of red, blue, not 'green'"),
        ({"pair": [1]}, "field pair: must be a list of 2, not of 1"),
        ({"pair": "ab"}, "field pair: must be a list, not 'ab'"),
        ({"pair": [1.0, "a"]}, "field pair[0]: must be a whole number, not 1.0"),
        ({"limit": True}, "field limit: must be a whole number, not True"),
        ({"exact": 1}, "field exact: must be true or false, not 1"),
        ({"parts": [{"count": 1}, {"count": -1}]}, "field parts[1]: count must not be negative"),
        ({"parts": [{"count": 1, "share": "0.5"}]}, "field parts[0].share: must be a number"),
        ({"parts": [{}]}, "field parts[0].count: required field 'count' is missing"),
        ({"parts": [7]}, "field parts[0]: must be an object with the fields count, share"),
        ({"parts": [{"count": 1, "cuont": 2}]}, "field parts[0]: unknown field 'cuont'"),
        ({"parts": [{"count": 1, "share": 10**400}]}, "too large"),
        ({"table": [1]}, "field table: must be an object"),
        ({"table": {"x": {"count": "1"}}}, "field table['x'].count: must be a whole number"),
    ],
)
def test_faults_name_file_and_field(change, message):
    with pytest.raises(FileError, match=r"^[^\n]*$") as caught:
        structure(GOOD | change, Whole, "f.json")
    assert str(caught.value).startswith("f.json: ")
    assert message in str(caught.value)


def test_many_faults_are_counted():
    data = GOOD | {"parts": [{"count": "x"}] * 5}
    with pytest.raises(FileError, match=r"parts\[2\].*; and 2 more$"):
        structure(data, Whole, "f.json")


def test_something_else_than_an_object():
    with pytest.raises(FileError, match=r"^f.json: must be an object with the fields name"):
        structure([], Whole, "f.json")
