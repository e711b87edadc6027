"""onnxruntime in float32, as `bnnplan compare` has it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnplan.models.graph import Network
from bnnplan.planner.peers import OnnxRuntimePeer
from peers.base import Peer, differences
from peers.forms import with_norms


class Float32Peer(Peer):
    """See :class:`peers.base.Peer`."""

    package = "onnxruntime"
    what = "float32"

    def __init__(self, network: Network, threads: int, batch: int) -> None:
        super().__init__(network, threads, batch)
        self._peer = OnnxRuntimePeer(with_norms(network), threads)
        self._feeds: Mapping[str, np.ndarray] = {}
        self._made: list[np.ndarray] = []

    @staticmethod
    def form(network: Network) -> Network:
        """The network as it was trained: onnxruntime folds batch norms itself."""
        return network

    def feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        self._feeds = dict(feeds)

    def run(self) -> None:
        self._made = self._peer.run_encoded(self._feeds)

    def worst(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        theirs = {
            name: array if array.ndim == 2 else array.transpose(0, 2, 3, 1)
            for name, array in zip(self.network.outputs, self._made, strict=True)
        }
        return differences(ours, theirs)
