"""Which configurations are offered: every axis with work to share out, and no idle one."""

import numpy as np

from bnnplan.backends.cpu.binary import product_variants
from bnnplan.backends.cpu.configurations import worth_measuring
from bnnplan.backends.cpu.native import LOOKUP
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, BinaryDense, MaxPool2d
from bnnplan.models.tensors import ElementType, TensorType

IMAGE = TensorType((4, 4, 64), ElementType.BIT)
CONVOLUTION = BinaryConv2d(np.ones((64, 1, 1, 64), np.int8))


def labels(bound: BoundLayer, threads: int) -> list[str]:
    return [configuration.label for configuration in worth_measuring(bound, threads, "")]


def test_one_thread_has_no_axes():
    assert labels(BoundLayer(CONVOLUTION, (IMAGE,)), 1) == ["-"]


def test_two_threads_share_one_axis():
    assert labels(BoundLayer(CONVOLUTION, (IMAGE,)), 2) == ["-", "Y 2t", "Z 2t"]
    assert labels(BoundLayer(CONVOLUTION, (IMAGE,), 3), 2) == ["-", "X 2t", "Y 2t", "Z 2t"]


def test_more_threads_share_combinations_too():
    four = ["X 4t", "Y 4t", "Z 4t", "XY 4t", "XZ 4t", "YZ 4t"]
    found = labels(BoundLayer(CONVOLUTION, (IMAGE,), 2), 6)
    assert found[4:10] == four
    assert found[10:] == [label.replace("4", "6") for label in four]
    assert "XYZ 8t" in labels(BoundLayer(CONVOLUTION, (IMAGE,), 2), 8)


def test_axes_without_work_are_left_out():
    dense = BinaryDense(np.ones((10, 64), np.int8))
    assert labels(BoundLayer(dense, (TensorType((64,), ElementType.BIT),)), 4) == ["-"]
    pixel = TensorType((1, 1, 64), ElementType.BIT)
    assert labels(BoundLayer(CONVOLUTION, (pixel,)), 2) == ["-", "Z 2t"]


def test_layers_without_products_have_one_way_to_share():
    assert labels(BoundLayer(MaxPool2d((2, 2), (2, 2)), (IMAGE,)), 2) == ["-", "YZ 2t"]


def test_looking_up_shares_out_larger_blocks_of_neurons():
    found = worth_measuring(BoundLayer(CONVOLUTION, (IMAGE,)), 2, LOOKUP)
    assert [configuration.label for configuration in found] == [f"- {LOOKUP}", f"Y 2t {LOOKUP}"]


def test_looking_up_is_offered_for_pairs_of_outputs_with_avx2():
    column = TensorType((4, 1, 64), ElementType.BIT)
    both = ["avx2", LOOKUP]
    assert product_variants(BoundLayer(CONVOLUTION, (IMAGE,)), "avx2") == both
    assert product_variants(BoundLayer(CONVOLUTION, (column,)), "avx2") == ["avx2"]
    assert product_variants(BoundLayer(CONVOLUTION, (IMAGE,)), "avx512") == ["avx512"]
    dense = BinaryDense(np.ones((10, 64), np.int8))
    vector = TensorType((64,), ElementType.BIT)
    assert product_variants(BoundLayer(dense, (vector,)), "avx2") == ["avx2"]
    assert product_variants(BoundLayer(dense, (vector,), 2), "avx2") == both
