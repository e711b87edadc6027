"""Which configurations are offered: every axis with work to share out, and no idle one."""

import numpy as np
import pytest

from bnnplan.backends.cpu.binary import product_variants
from bnnplan.backends.cpu.configurations import worth_measuring
from bnnplan.backends.cpu.native import LOOKUPS
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryConv2d, BinaryDense, MaxPool2d, Threshold
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


def test_pooling_shares_out_whole_words_of_neurons():
    rule = Threshold(np.zeros(64, np.int32), np.zeros(64, np.bool_))
    pooled = BinaryConv2d(CONVOLUTION.weight, threshold=rule, pool=MaxPool2d(2, 2))
    assert labels(BoundLayer(pooled, (IMAGE,)), 2) == ["-", "Y 2t"]


@pytest.mark.parametrize("isa", LOOKUPS)
def test_looking_up_is_offered_for_neighbours_that_are_pooled(isa):
    rule = Threshold(np.zeros(64, np.int32), np.zeros(64, np.bool_))
    pooled = BinaryConv2d(CONVOLUTION.weight, threshold=rule, pool=MaxPool2d(4, 4))
    assert product_variants(BoundLayer(pooled, (IMAGE,)), isa) == [isa, f"{isa}-lookup"]


@pytest.mark.parametrize("variant", LOOKUPS.values())
def test_looking_up_shares_out_larger_blocks_of_neurons(variant):
    found = worth_measuring(BoundLayer(CONVOLUTION, (IMAGE,)), 2, variant)
    assert [configuration.label for configuration in found] == [f"- {variant}", f"Y 2t {variant}"]


@pytest.mark.parametrize("isa", LOOKUPS)
def test_looking_up_is_offered_for_pairs_of_outputs(isa):
    column = TensorType((4, 1, 64), ElementType.BIT)
    both = [isa, f"{isa}-lookup"]
    assert product_variants(BoundLayer(CONVOLUTION, (IMAGE,)), isa) == both
    assert product_variants(BoundLayer(CONVOLUTION, (column,)), isa) == [isa]
    dense = BinaryDense(np.ones((10, 64), np.int8))
    vector = TensorType((64,), ElementType.BIT)
    assert product_variants(BoundLayer(dense, (vector,)), isa) == [isa]
    assert product_variants(BoundLayer(dense, (vector,), 2), isa) == both


def test_bits_are_only_counted_where_that_is_as_fast():
    assert product_variants(BoundLayer(CONVOLUTION, (IMAGE,)), "avx512") == ["avx512"]
