"""Makes the modules of the tools importable, as they are when the programs run."""

import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "tools" / "bench"
CONVERT = BENCH.with_name("convert")


def on_path(folder=BENCH):
    """Behind everything else: some of its names are names of test modules too."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def openvino_kernels(threads, shape):
    """Implementations of the binary convolutions that OpenVINO chooses; runs in another process."""
    on_path()
    from peers.openvino_peer import OpenVinoPeer
    from shapes import shapes

    (network,) = (s.build(1, 0) for s in shapes(short=True) if s.name == shape)
    ran = OpenVinoPeer(network, threads, 1).executed()
    return {how for layer, how in ran if layer == "BinaryConvolution"}
