"""OpenVINO running a network with its BinaryConvolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network
from bnnplan.models.lowering import pool_bits
from peers.base import Peer, differences, from_nchw, to_nchw
from peers.forms import lowered_without


class OpenVinoPeer(Peer):
    """See :class:`peers.base.Peer`."""

    package = "openvino"
    what = "BinaryConvolution"
    rows_as_pixels = True

    def __init__(self, network: Network, threads: int, batch: int) -> None:
        super().__init__(network, threads, batch)
        import openvino

        from peers.openvino_graph import to_openvino

        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Where the machine has bfloat16, floats, and with them sums, would be rounded to it.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        model = to_openvino(network, batch)
        try:
            self._compiled = openvino.Core().compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise UnsupportedError(f"OpenVINO: {' '.join(str(error).split())}") from error
        self._request = self._compiled.create_infer_request()

    @staticmethod
    def form(network: Network) -> Network:
        """Pools stay before the thresholds, which are then fused into what reads their bits."""
        return lowered_without(network, (pool_bits,))

    def feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        import openvino

        for index, name in enumerate(self.network.inputs):
            array = np.ascontiguousarray(to_nchw(feeds[name]).astype(np.float32))
            self._request.set_input_tensor(index, openvino.Tensor(array))

    def run(self) -> None:
        self._request.infer()

    def worst(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        made = [self._request.get_output_tensor(i).data for i in range(len(self.network.outputs))]
        types = self.network.types
        theirs = {
            name: from_nchw(array, types[name].shape)
            for name, array in zip(self.network.outputs, made, strict=True)
        }
        return differences(ours, theirs)

    def executed(self) -> list[tuple[str, str]]:
        """Kind of operator and implementation of every node that runs."""
        nodes = self._compiled.get_runtime_model().get_ops()
        info = [node.get_rt_info() for node in nodes]
        return [(str(i["layerType"].value), str(i["primitiveType"].value)) for i in info]
