"""Other engines that run the same network, for comparisons; each is an optional extra."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from bnnplan.models.errors import BnnplanError, UnsupportedError
from bnnplan.models.graph import Network
from bnnplan.planner.execution.trace import Trace


class OnnxRuntimePeer:
    """onnxruntime running the network in float32 on the CPU; measured like a runner.

    Parameters
    ----------
    network : Network
    threads : int
        Of onnxruntime's pool; every other setting is its default.

    Raises
    ------
    UnsupportedError
        If onnxruntime is not installed, or the network has no float32 form.
    """

    def __init__(self, network: Network, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise UnsupportedError(
                "onnxruntime is not installed; pip install 'bnnplan[onnxruntime]'"
            ) from error
        # onnx takes long to import, and only comparisons need it.
        from bnnplan.models.float_onnx import to_float_onnx

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.log_severity_level = 3
        self.network = network
        self._given: Mapping[str, np.ndarray] | None = None
        self._feeds: dict[str, np.ndarray] = {}
        try:
            self._session = onnxruntime.InferenceSession(
                to_float_onnx(network).SerializeToString(),
                settings,
                providers=["CPUExecutionProvider"],
            )
        except BnnplanError:
            raise
        except Exception as error:
            line = " ".join(str(error).split())
            raise UnsupportedError(f"onnxruntime refuses {network.name!r}: {line}") from error

    def run_encoded(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Outputs for arrays in the shared formats.

        The change of layout is done once for the same arrays: it is none of the peer's work.
        """
        if arrays is not self._given:
            from bnnplan.models.float_onnx import to_float_feed

            self._given = arrays
            self._feeds = {
                name: to_float_feed(arrays[name], kind)
                for name, kind in self.network.inputs.items()
            }
        made: list[np.ndarray] = self._session.run(None, self._feeds)
        return made

    def run_timed(self, arrays: Mapping[str, np.ndarray]) -> Trace:
        """One run as a trace without events."""
        start = time.perf_counter_ns()
        self.run_encoded(arrays)
        return Trace((), time.perf_counter_ns() - start)
