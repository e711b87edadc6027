"""larq-compute-engine: the faster of its two kernels here, and XNNPACK for floats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network
from bnnplan.models.lowering import fuse_thresholds, pool_bits
from peers.base import Peer
from peers.forms import lowered_without
from peers.larq_modules import PACKAGE, interpreter


class LarqPeer(Peer):
    """See :class:`peers.base.Peer`.

    Its interpreter copies the outputs with every call.
    """

    package = PACKAGE
    what = "indirect bgemm"
    rows_as_pixels = True
    pad_value = 1

    def __init__(self, network: Network, threads: int, batch: int) -> None:
        super().__init__(network, threads, batch)
        self._module = interpreter()
        self._interpreter: Any = None
        self._feeds: dict[str, np.ndarray] = {}

    @staticmethod
    def form(network: Network) -> Network:
        """Pools and thresholds stay apart, where larq's own converter leaves them."""
        return lowered_without(network, (pool_bits, fuse_thresholds))

    def feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        self._feeds = dict(feeds)
        self._interpreter = self._made_ready()

    def run(self) -> None:
        self._interpreter.predict([])

    def worst(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        found = self._made_ready(ours).predict([])
        return {
            name: float(array.flat[0])
            for name, array in zip(self.network.outputs, found, strict=True)
        }

    def _made_ready(self, ours: Mapping[str, np.ndarray] | None = None) -> Any:
        from peers.larq_graph import to_larq

        file = to_larq(self.network, self._feeds, ours)
        reference_kernel, indirect_kernel, xnnpack = False, True, True
        try:
            return self._module.LiteInterpreter(
                file, self.threads, reference_kernel, indirect_kernel, xnnpack
            )
        except RuntimeError as error:
            raise UnsupportedError(f"larq: {' '.join(str(error).split())}") from error
