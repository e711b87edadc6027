"""The problem: what is refused, and its JSON form."""

import copy
import json
import math

import pytest
from attrs import evolve

from bnnplan.models.errors import BnnplanError
from bnnplan.planner.problem import (
    Device,
    Edge,
    Entry,
    Option,
    Port,
    Problem,
    ProblemError,
    Space,
    Task,
    Tensor,
    TensorSize,
    Transfer,
    named_choice,
)
from bnnplan.planner.problem_format import problem_from_dict, problem_to_dict
from bnnplan.planner.problem_rules import LIMIT


def option(name="X", device="cpu", duration=5, inputs=0, outputs=0, **more):
    return Option(name, device, duration, ("host",) * inputs, ("host",) * outputs, "ram", **more)


SMALL = Problem(
    name="small",
    tasks=(
        Task("first", (option(outputs=1), option("Y", "gpu", outputs=1))),
        Task("second", (option(inputs=1, weight_bytes=8, group="X"),)),
    ),
    tensors=(
        Tensor(
            "x",
            "first",
            0,
            (TensorSize("host", 4), TensorSize("gpu", 2)),
            (Transfer("host", "gpu", 3, frozenset({"link"})),),
        ),
    ),
    edges=(Edge("x", "second"),),
    devices=(Device("cpu", frozenset({"core:1", "core:0"})), Device("gpu")),
    spaces=(Space("ram", 100), Space("vram")),
    ports=(Port("host", "ram"), Port("gpu", "vram")),
    entries=(Entry("gpu", "cpu", 2),),
)
PLAIN = problem_to_dict(SMALL)


def test_json_round_trip():
    assert problem_from_dict(json.loads(json.dumps(PLAIN))) == SMALL
    assert PLAIN["schema"] == "bnnplan.problem"
    assert PLAIN["version"] == 2
    assert PLAIN["devices"][0]["resources"] == ["core:0", "core:1"]


def test_fields_with_defaults_may_be_left_out():
    plain = copy.deepcopy(PLAIN)
    del plain["tasks"][0]["options"][0]["weight_bytes"], plain["edges"][0]["input"]
    assert problem_from_dict(plain) == SMALL


def changed(path, value):
    """PLAIN with another value at a path of keys and indices; None deletes."""
    plain = copy.deepcopy(PLAIN)
    *way, last = path
    place = plain
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return plain


X = ("tasks", 0, "options", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema",), "bnnplan.plan", "schema: must be 'bnnplan.problem'"),
        (("version",), 3, "version: this bnnplan reads versions up to 2, not 3"),
        (("version",), True, "version: this bnnplan reads versions up to 2, not True"),
        (("colour",), "red", "problem: unknown field 'colour'"),
        ((*X, "colour"), "red", "problem.tasks[0].options[0]: unknown field 'colour'"),
        ((*X, "duration"), None, "problem.tasks[0].options[0].duration: required field"),
        ((*X, "device"), 5, "problem.tasks[0].options[0].device: must be a text, not 5"),
        ((*X, "input_ports"), "host", "input_ports: must be a list of texts"),
        (("devices", 0, "resources"), [1], "resources: must be a text"),
        (("tasks",), 5, "problem.tasks: must be a list"),
        (("tasks", 0), 5, "problem.tasks[0]: must be an object with the fields name, options"),
        (("tasks",), [], "no tasks"),
        ((*X, "duration"), -1, "task 'first', option 'X': duration must be from 0"),
        ((*X, "duration"), 1.5, "duration must be a whole number, not 1.5"),
        ((*X, "duration"), True, "duration must be a whole number, not True"),
        ((*X, "duration"), "7", "duration must be a whole number, not '7'"),
        ((*X, "duration"), math.nan, "duration must be a whole number, not nan"),
        ((*X, "duration"), 2**62, "duration must be from 0 to"),
        ((*X, "duration"), LIMIT, "the longest possible plan takes"),
        ((*X, "weight_bytes"), LIMIT, "all sizes add up to"),
        (("spaces", 0, "capacity"), -1, "space 'ram': capacity must be from 0"),
        (("entries", 0, "duration"), -1, "entry from 'gpu', to 'cpu': duration"),
        (("tensors", 0, "transfers", 0, "duration"), -3, "transfer from 'host', to 'gpu'"),
        (("tensors", 0, "sizes", 0, "bytes"), 2**60, "tensor 'x', port 'host': bytes"),
        ((*X, "device"), "npu", "unknown device 'npu'; known: 'cpu', 'gpu'"),
        ((*X, "space"), "disk", "unknown space 'disk'"),
        ((*X, "output_ports"), ["npu"], "unknown port 'npu'"),
        ((*X, "output_ports"), [], "has 0 output ports, but the task has 1 outputs"),
        ((*X, "name"), "Y", "task 'first': option name 'Y' is used twice"),
        ((*X, "name"), "", "name must be a text of at least one character"),
        (("tasks", 1, "name"), "first", "task name 'first' is used twice"),
        (("tasks", 0, "options"), [], "task 'first' has no options"),
        (("tensors", 0, "source"), "third", "unknown task 'third'"),
        (("tensors", 0, "output"), 1, "outputs must be numbered"),
        (("tensors", 0, "sizes"), [], "no size at port 'host'"),
        (("tensors", 0, "transfers", 0, "target"), "host", "to itself is needless"),
        (("edges", 0, "tensor"), "y", "unknown tensor 'y'"),
        (("edges", 0, "target"), "third", "unknown task 'third'"),
        (("edges", 0, "input"), 1, "inputs must be numbered"),
        (("ports", 0, "space"), "disk", "unknown space 'disk'"),
        (("entries", 0, "source"), "cpu", "never entered from itself"),
    ],
)
def test_bad_problems_get_one_line(path, value, message):
    with pytest.raises(ProblemError) as error:
        problem_from_dict(changed(path, value))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, BnnplanError)


@pytest.mark.parametrize("plain", [None, [], 5, "text"])
def test_a_problem_is_an_object(plain):
    with pytest.raises(ProblemError, match="must be a JSON object"):
        problem_from_dict(plain)


def test_a_cycle_is_named():
    names = ("a", "b", "c")
    with pytest.raises(ProblemError, match=r"in a cycle: \w → \w → \w → \w"):
        evolve(
            SMALL,
            tasks=tuple(Task(name, (option(inputs=1, outputs=1),)) for name in names),
            tensors=tuple(Tensor(name, name, 0, (TensorSize("host", 1),)) for name in names),
            edges=(Edge("a", "b"), Edge("b", "c"), Edge("c", "a")),
        )


def test_a_task_that_reads_itself_is_a_cycle():
    with pytest.raises(ProblemError, match="in a cycle: a → a"):
        evolve(
            SMALL,
            tasks=(Task("a", (option(inputs=1, outputs=1),)),),
            tensors=(Tensor("x", "a", 0, (TensorSize("host", 1),)),),
            edges=(Edge("x", "a"),),
        )


def test_disconnected_tasks_and_devices_without_options_are_fine():
    two = evolve(
        SMALL, tasks=(Task("a", (option(),)), Task("b", (option(),))), tensors=(), edges=()
    )
    assert len(two.tasks) == 2


def test_options_by_name():
    assert named_choice(SMALL, {"first": "Y", "second": "X"}) == (1, 0)
    with pytest.raises(ProblemError, match="no task 'third'"):
        named_choice(SMALL, {"first": "Y", "second": "X", "third": "X"})
    with pytest.raises(ProblemError, match="no option is given for task 'second'"):
        named_choice(SMALL, {"first": "Y"})
    with pytest.raises(ProblemError, match="has no option 'Z'; it has 'X', 'Y'"):
        named_choice(SMALL, {"first": "Z", "second": "X"})
