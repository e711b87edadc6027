"""onnxruntime with 8-bit products, unsigned by signed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType
from peers.base import Peer, differences, from_nchw, to_nchw


class Int8Peer(Peer):
    """See :class:`peers.base.Peer`."""

    package = "onnxruntime"
    what = "int8 (u8·s8)"

    def __init__(self, network: Network, threads: int, batch: int) -> None:
        super().__init__(network, threads, batch)
        import onnxruntime

        from peers.int8_graph import to_int8_onnx

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                to_int8_onnx(network, batch).SerializeToString(),
                settings,
                providers=["CPUExecutionProvider"],
            )
        except UnsupportedError:
            raise
        except Exception as error:
            raise UnsupportedError(f"onnxruntime: {' '.join(str(error).split())}") from error
        self._feeds: dict[str, np.ndarray] = {}
        self._made: list[np.ndarray] = []

    def feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        self._feeds = {name: to_nchw(array) for name, array in feeds.items()}

    def run(self) -> None:
        self._made = self._session.run(None, self._feeds)

    def worst(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        found = {}
        for name, array in zip(self.network.outputs, self._made, strict=True):
            kind = self.network.types[name]
            plain = from_nchw(array, kind.shape)
            found[name] = plain.astype(np.int8) - 1 if kind.element is ElementType.BIT else plain
        return differences(ours, found)
