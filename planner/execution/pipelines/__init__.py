"""Runs plans as pipelines: streams of stages, each on a thread of its own."""

from bnnplan.planner.execution.pipelines.errors import StageError
from bnnplan.planner.execution.pipelines.frames import Frame, Result
from bnnplan.planner.execution.pipelines.pipeline import Pipeline
from bnnplan.planner.execution.pipelines.report import PipelineReport

__all__ = ["Frame", "Pipeline", "PipelineReport", "Result", "StageError"]
