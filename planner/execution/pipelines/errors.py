"""A stage that fails, with everything that finds it."""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.backends.interface import DeviceError


class StageError(DeviceError):
    """A stage of a pipeline has failed, and with it the pipeline; it can be entered again.

    Attributes
    ----------
    stream, stage : int
        The stage's number in the plan.
    devices, layers : tuple of str
        That the stage runs on, and runs.
    frame : int
        The first frame that has no result, counted from 0 in the frames of the call.
    reason : str
    """

    def __init__(
        self,
        stream: int,
        stage: int,
        devices: Sequence[str],
        layers: Sequence[str],
        frame: int,
        reason: str,
    ) -> None:
        self.stream = stream
        self.stage = stage
        self.devices = tuple(devices)
        self.layers = tuple(layers)
        self.frame = frame
        self.reason = reason
        named = layers[0] if len(layers) == 1 else f"{layers[0]} … {layers[-1]}"
        super().__init__(
            f"frame {frame}: stage {stage} of stream {stream} ({named} on {', '.join(devices)}) "
            f"failed: {reason}"
        )
