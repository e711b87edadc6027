"""What a user may ask of a plan, and what contradicts itself."""

import attrs
import pytest
from networks import chain

from bnnplan.backends.interface import MemorySpace
from bnnplan.planner.board import Board
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.request import Names, Request, RequestError


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"objectives": ()}, "needs an objective"),
        ({"objectives": (Measure.ENERGY, Measure.ENERGY)}, "objective energy is given twice"),
        (
            {"limits": (Limit(Measure.LATENCY, 5), Limit(Measure.LATENCY, 6))},
            "limit of latency is given twice",
        ),
        ({"limits": (Limit(Measure.LATENCY, -1),)}, "limit of latency must be from 0 to"),
        ({"memory": {"host": -1}}, "memory of 'host' must be from 0 to"),
        ({"memory": {"host": 2**60}}, "memory of 'host' must be from 0 to"),
        ({"switches": -1}, "number of switches must be from 0 to"),
        ({"confidence": 0.0}, "confidence must be above 0 and below 1"),
        ({"confidence": 1.0}, "confidence must be above 0 and below 1"),
        ({"confidence": float("nan")}, "confidence must be above 0 and below 1"),
        (
            {"pins": {"first": "a"}, "forbidden": (("first", "a"),)},
            "'first' is pinned to 'a' and forbidden there",
        ),
        (
            {"pins": {"first": "a", "pool": "b"}, "colocated": (("first", "pool"),)},
            "'first' and 'pool' are to run on one device, but are pinned to 'a' and 'b'",
        ),
    ],
)
def test_a_request_that_cannot_be_is_refused(wishes, words):
    with pytest.raises(RequestError, match=words) as caught:
        Request(**wishes)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"pins": {"frist": "a"}}, "no layer 'frist'; did you mean 'first'"),
        ({"pins": {"zzz": "a"}}, "no layer 'zzz'; there are 'first', 'pool', "),
        ({"pins": {"first": "gpu"}}, "no device 'gpu'; there are 'a', 'b'"),
        ({"forbidden": (("first", "aa"),)}, "no device 'aa'; did you mean 'a'"),
        ({"colocated": (("first", "poll"),)}, "no layer 'poll'; did you mean 'pool'"),
        ({"memory": {"hots": 5}}, "no memory space 'hots'; did you mean 'host'"),
    ],
)
def test_what_is_not_there_is_named_with_what_is_near(two_references, wishes, words):
    with pytest.raises(RequestError, match=words):
        Request(**wishes).require(chain(), two_references)


def test_a_request_that_fits_is_accepted(two_references):
    request = Request(
        pins={"first": "a"},
        forbidden=[["pool", "b"]],
        colocated=[["first", "pool"]],
        memory={"host": 0},
        switches=0,
        confidence=0.5,
    )
    request.require(chain(), two_references)
    assert request.forbidden == (("pool", "b"),)
    assert request.colocated == (("first", "pool"),)


def test_a_pipeline_is_what_minimises_or_limits_the_period():
    assert not Request().is_pipeline
    assert Request(objectives=[Measure.ENERGY, Measure.PERIOD]).is_pipeline
    assert Request(limits=[Limit(Measure.PERIOD, 5)]).is_pipeline


def test_a_memory_has_the_least_of_what_board_and_request_state(two_references):
    a, b = two_references.devices
    board = Board("x", [attrs.evolve(a, space=MemorySpace("host", 100)), b])
    assert Request().capacities(board) == {"host": 100, "far": None}
    assert Request(memory={"host": 200, "far": 7}).capacities(board) == {"host": 100, "far": 7}
    assert Request(memory={"host": 50}).capacities(board) == {"host": 50, "far": None}


def test_patterns_stand_for_layers():
    names = Names(["left", "first", "right", "[lr]*t"])
    assert names.matching("first") == ["first"]
    assert names.matching("*") == names.names
    assert names.matching("[lr]*t") == ["[lr]*t"]
    assert names.matching("[lr]*ht") == ["right"]
    with pytest.raises(RequestError, match="no layer 'conv\\*'"):
        names.matching("conv*")
    with pytest.raises(RequestError, match="no task 'conv\\*'"):
        Names(["left"], "task").matching("conv*")
