"""Single layers on the CPU, in their fastest configuration, against onnxruntime float32."""

from __future__ import annotations

import numpy as np
from bench import Result, arguments, compared, interleave, report
from networks import with_threads

from bnnplan.backends.interface import Step
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import BinaryConv2d, BinaryDense, Sign, Threshold
from bnnplan.models.tensors import TensorType
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.peers import OnnxRuntimePeer
from bnnplan.planner.profiling.oracle import Oracle

CONVOLUTIONS = ((56, 64), (28, 128), (14, 256), (7, 512))
MATRIX_VECTOR = (8192, 2048)


def main() -> None:
    options = arguments(__doc__)
    seconds = 0.3 if options.quick else 3.0
    board = detect_board().board.only(["cpu0"])
    results = []
    for threads in sorted({1, board.devices[0].threads}):
        limited = with_threads(board, threads)
        for side, channels in CONVOLUTIONS:
            title = f"conv 3×3 {side}²×{channels}, bits to bits"
            results.append(one(title, convolution(side, channels), limited, threads, seconds))
        title = "dense 1×{1}×{0}, bits to int32".format(*MATRIX_VECTOR)
        results.append(one(title, dense(*MATRIX_VECTOR), limited, threads, seconds))
    report(results, options.json)


def signs(*shape: int) -> np.ndarray:
    """Random ±1."""
    return np.random.default_rng(0).choice(np.array([-1, 1], np.int8), shape)


def convolution(side: int, channels: int) -> Network:
    """Signs of numbers, then one binary convolution with a fused threshold."""
    rule = Threshold(np.zeros(channels, np.int32), np.zeros(channels, bool))
    layer = BinaryConv2d(weight=signs(channels, 3, 3, channels), pads=1, threshold=rule)
    return _behind_sign(layer, TensorType((side, side, channels), "int8"))


def dense(inputs: int, outputs: int) -> Network:
    """Signs of numbers, then one binary dense layer."""
    return _behind_sign(BinaryDense(weight=signs(outputs, inputs)), TensorType((inputs,), "int8"))


def _behind_sign(layer: BinaryConv2d | BinaryDense, kind: TensorType) -> Network:
    nodes = [Node("sign", Sign(), ["x"], ["bits"]), Node("layer", layer, ["bits"], ["y"])]
    return Network("layer", {"x": kind}, nodes, ["y"])


def one(title: str, network: Network, board: Board, threads: int, seconds: float) -> Result:
    """The layer alone in a program of its own; the peer runs the sign as well, cheap beside it."""
    bench = Workbench(network, board)
    oracle = Oracle(bench, 0)
    node = network.nodes[1]
    (device,) = board.devices
    backend = bench.backends[device.name]
    kernels = [
        bench.kernel(node, device.name, configuration)
        for configuration in backend.configurations(network.bind(node), device)
    ]
    best = min(kernels, key=lambda kernel: oracle.check_and_time(node, device.name, kernel))
    step: Step = oracle.step(node, device.name, best)
    program = backend.link([step])
    peer = OnnxRuntimePeer(network, threads)
    samples = interleave(
        {"ours": program.run, "peer": lambda: peer.run_encoded(oracle.feeds)},
        seconds=seconds,
        burst=3,
    )
    return compared(title, threads, samples["ours"], "onnxruntime float32", samples["peer"])


if __name__ == "__main__":
    main()
