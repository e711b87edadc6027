"""Frames of an asyncio program through a pipeline: ``python with_asyncio.py plan.json``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from bnnplan.models.tensors import TensorType
from bnnplan.planner.execution.pipelines import Pipeline
from bnnplan.planner.plan_file import load_plan


async def camera(kind: TensorType, count: int) -> AsyncIterator[np.ndarray]:
    """Stands for a camera that sends frames when it likes."""
    random = np.random.default_rng(0)
    for _ in range(count):
        await asyncio.sleep(0.001)
        yield random.integers(0, 256, kind.shape, np.uint8)


async def main() -> None:
    """Print the class of every frame."""
    with Pipeline(load_plan(Path(sys.argv[1]))) as pipeline:
        (kind,) = pipeline.network.inputs.values()
        number = 0
        # Results come as soon as they are there, also while no frame comes.
        async for scores in pipeline.amap(camera(kind, 100)):
            print(f"frame {number}: class {scores.argmax()}")
            number += 1


if len(sys.argv) != 2:
    sys.exit(__doc__)
asyncio.run(main())
