"""The programs of the documentation that use pipelines run, and tell what they should."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bnnplan.backends.interface import Configuration
from bnnplan.backends.reference import evaluate
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import detect_board
from bnnplan.planner.plan import Plan, PlannedLayer, Predicted, Proof
from bnnplan.planner.plan_file import save_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.profile import shape_fingerprint
from bnnplan.planner.request import Request
from bnnplan.planner.solvers.base import Proven

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "pipelines"

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="docs are not beside the tests")


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """The default network on all of the first cluster, as if it had been planned."""
    network = lower(open_network("fashion"))
    layers = [
        PlannedLayer(node.name, node.layer.kind, "cpu0", Configuration(), 0, 0)
        for node in network.nodes
    ]
    made = Plan(
        source="fashion",
        network=network.name,
        network_fingerprint=shape_fingerprint(network),
        board=detect_board().board.only(["cpu0"]),
        batch=1,
        request=Request(),
        layers=layers,
        transfers=[],
        launches_ns=0,
        concurrent=False,
        predicted=Predicted(10**6, 10**6),
        proof=Proof("feasible", [Proven(Measure.LATENCY, 10**6, 0)], "by hand", 0.0),
    )
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    save_plan(made, path)
    return path


@pytest.fixture(scope="module")
def wanted():
    """What the frames of the examples are."""
    network = lower(open_network("fashion"))
    ((name, kind),) = network.inputs.items()
    random = np.random.default_rng(0)
    frames = np.stack([random.integers(0, 256, kind.shape, np.uint8) for _ in range(100)])
    (output,) = network.outputs
    return evaluate(network, {name: frames})[output].argmax(axis=1)


@pytest.mark.parametrize("name", ["generator", "with_asyncio"])
def test_every_frame_has_its_class(plan, wanted, name):
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), str(plan)],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[:100] == [f"frame {n}: class {label}" for n, label in enumerate(wanted)]
    if name == "generator":
        assert lines[100].startswith("100 frames, ")
        assert lines[101].startswith("stream 0, stage 0: busy ")


@pytest.mark.parametrize("name", ["generator", "with_asyncio"])
def test_without_a_plan_one_line_says_how(name):
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.endswith(f"``python {name}.py plan.json``.")


def test_the_guide_shows_them():
    page = (EXAMPLES.parents[1] / "guide.md").read_text()
    for name in ("generator", "with_asyncio"):
        assert f"examples/pipelines/{name}.py" in page
