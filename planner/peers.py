"""Other engines that run the same network, for comparisons; each is an optional extra."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.float_onnx import to_float_feed, to_float_onnx
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
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.log_severity_level = 3
        self.network = network
        self._feeds: dict[str, np.ndarray] = {}
        self._session = onnxruntime.InferenceSession(
            to_float_onnx(network).SerializeToString(),
            settings,
            providers=["CPUExecutionProvider"],
        )

    def run_encoded(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Outputs for arrays in the shared formats; the change of layout is done only once."""
        if not self._feeds:
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
