"""What a pipeline did for its caller."""

from __future__ import annotations

from attrs import frozen

from bnnplan.planner.plan_parts import MeasuredPipeline, MeasuredStage
from bnnplan.planner.profile import Time


@frozen
class PipelineReport:
    """Of the last call.

    Parameters
    ----------
    frames : int
        Whose results were delivered.
    seconds : float
        From when its first frame was there to when its last results were computed.
    measured : MeasuredPipeline or None
        None where too few batches were computed to say anything.
    """

    frames: int
    seconds: float
    measured: MeasuredPipeline | None

    @property
    def frames_per_second(self) -> float:
        """Filling and emptying the pipeline included."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def period(self) -> Time | None:
        """From batch to batch."""
        return None if self.measured is None else self.measured.period

    @property
    def stages(self) -> tuple[MeasuredStage, ...]:
        """How busy all stages were."""
        return () if self.measured is None else self.measured.stages
