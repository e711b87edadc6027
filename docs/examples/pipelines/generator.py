"""Frames from a generator through a pipeline: ``python generator.py plan.json``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bnnplan.models.tensors import TensorType
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.plan_file import load_plan


def camera(kind: TensorType, count: int) -> Iterator[np.ndarray]:
    """Stands for a camera: it gives a frame when it is asked for one."""
    random = np.random.default_rng(0)
    for _ in range(count):
        yield random.integers(0, 256, kind.shape, np.uint8)


if len(sys.argv) != 2:
    sys.exit(__doc__)
with Pipeline(load_plan(Path(sys.argv[1]))) as pipeline:
    (kind,) = pipeline.network.inputs.values()
    for number, scores in enumerate(pipeline.map(camera(kind, 100))):
        # In the order of the frames; the pipeline is never more than a window ahead.
        print(f"frame {number}: class {scores.argmax()}")
    report = pipeline.report()

print(f"{report.frames} frames, {report.frames_per_second:.0f} frames/s")
for stage in report.stages:
    print(f"stream {stage.stream}, stage {stage.stage}: busy {stage.busy:.1%}")
