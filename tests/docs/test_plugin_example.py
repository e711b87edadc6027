"""The worked example of the plugin author's guide is a real backend: it passes the kit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tiny_backend"

pytestmark = pytest.mark.skipif(not EXAMPLE.exists(), reason="docs are not beside the tests")


@pytest.fixture
def with_example(tmp_path):
    """An environment in which the example is installed, as far as entry points can tell."""
    info = tmp_path / "bnnplan_tiny-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bnnplan-tiny\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bnnplan.backends]\ntiny = bnnplan_tiny:TinyBackend\n")
    path = os.pathsep.join(
        [str(EXAMPLE), str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    return {**os.environ, "PYTHONPATH": path}


def bnnplan(environment, *arguments):
    program = "from bnnplan.planner.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_example_is_listed_and_passes_the_kit(with_example):
    listed = bnnplan(with_example, "backends")
    assert listed.returncode == 0, listed.stderr
    assert "tiny0" in listed.stdout
    checked = bnnplan(with_example, "backends", "check", "tiny", "--examples", "20")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_example_names_what_it_cannot_run(with_example):
    program = """
from bnnplan.backends.registry import get_backend
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import Sign
from bnnplan.models.tensors import TensorType
backend = get_backend("tiny")
device = backend.devices()[0][0]
print(backend.supports(BoundLayer(Sign(), (TensorType((4,), "int32"),)), device))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=with_example,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Sign is no binary dense layer" in ran.stdout
