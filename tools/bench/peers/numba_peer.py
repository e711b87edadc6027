"""A plain loop over words of bits, compiled by numba: what a page of Python gives."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.graph import Network
from bnnplan.models.layers import BinaryDense, Sign
from bnnplan.models.tensors import pack_bits
from peers.base import Peer, differences


class NumbaPeer(Peer):
    """Binary dense layers side by side on the signs of one input, and nothing else."""

    package = "numba"
    what = "popcount loop"

    def __init__(self, network: Network, threads: int, batch: int) -> None:
        super().__init__(network, threads, batch)
        sign, *rest = network.nodes
        weights = [
            node.layer.weight
            for node in rest
            if isinstance(node.layer, BinaryDense)
            and not node.layer.fused
            and node.inputs == sign.outputs
        ]
        if not isinstance(sign.layer, Sign) or len(weights) != len(rest):
            raise UnsupportedError("the loop in numba knows binary dense layers only")
        self._depth = weights[0].shape[1]
        # Words of all columns beside each other, so that the innermost loop runs over columns.
        self._weights = [np.ascontiguousarray(pack_bits(weight).T) for weight in weights]
        outputs = len(weights[0])
        self._sums = [np.empty((batch, outputs), np.int32) for _ in weights]
        self._loop = _compiled(threads > 1)
        self._rows = np.empty((batch, 0), np.uint64)
        import numba

        numba.set_num_threads(threads)

    def feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        (array,) = feeds.values()
        self._rows = pack_bits(array)

    def run(self) -> None:
        for weight, sums in zip(self._weights, self._sums, strict=True):
            self._loop(self._rows, weight, self._depth, sums)

    def worst(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        theirs = dict(zip(self.network.outputs, self._sums, strict=True))
        return differences(ours, theirs)


@functools.cache
def _compiled(parallel: bool) -> Any:
    import numba
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    @intrinsic
    def popcount(typing: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.i64")
            return builder.call(function, arguments)

        return types.uint64(types.uint64), generate

    count: Any = popcount

    def loop(rows: Any, weights: Any, depth: Any, sums: Any) -> None:
        for row in numba.prange(len(rows)):
            different = np.zeros(sums.shape[1], np.uint64)
            for word in range(rows.shape[1]):
                bits = rows[row, word]
                for column in range(sums.shape[1]):
                    different[column] += count(bits ^ weights[word, column])
            for column in range(sums.shape[1]):
                sums[row, column] = depth - 2 * np.int64(different[column])

    return numba.njit(loop, parallel=parallel, nogil=True)
