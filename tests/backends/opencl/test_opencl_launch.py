"""Work sizes: every axis is covered, and only the parallel ones have more than one item."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.opencl import packing
from bnnplan.backends.opencl.launch import ITEMS_PER_UNIT, Launch, work_sizes
from bnnplan.backends.opencl.session import ProgramKey
from bnnplan.models.layers import Threshold
from bnnplan.models.tensors import unpack_bits

AXES = st.sampled_from(["", "X", "Y", "Z", "XY", "XZ", "YZ", "XYZ"])
EXTENTS = st.tuples(*[st.integers(1, 5000)] * 3)
DIMENSIONS = st.sampled_from(["ZYX", "ZXY"])


def launch(extents, dimensions):
    return Launch(ProgramKey(("binary",)), "kernel", (), extents, dimensions)


@given(axes=AXES, extents=EXTENTS, dimensions=DIMENSIONS, units=st.integers(1, 64))
def test_a_cpu_gets_a_bounded_number_of_single_items(axes, extents, dimensions, units):
    sizes, local = work_sizes(launch(extents, dimensions), axes, is_cpu=True, units=units)
    assert local == (1, 1, 1)
    assert 1 <= math.prod(sizes) <= ITEMS_PER_UNIT * units
    limits = dict(zip("XYZ", extents, strict=True))
    for axis, size in zip(dimensions, sizes, strict=True):
        assert 1 <= size <= (limits[axis] if axis in axes else 1)


@given(axes=AXES, extents=EXTENTS, dimensions=DIMENSIONS, group=st.integers(1, 1024))
def test_a_gpu_gets_an_item_for_every_unit_of_work(axes, extents, dimensions, group):
    described = launch(extents, dimensions)
    sizes, local = work_sizes(described, axes, is_cpu=False, units=8, group=group)
    assert math.prod(local) <= min(group, 64)
    limits = dict(zip("XYZ", extents, strict=True))
    for axis, size, own in zip(dimensions, sizes, local, strict=True):
        units = limits[axis] if axis in axes else 1
        assert size % own == 0
        assert units <= size < units + own


@given(neurons=st.integers(1, 40), length=st.integers(1, 9), seed=st.integers(0, 2**16))
def test_chunks_hold_every_neuron_and_zeros(neurons, length, seed):
    rows = np.random.default_rng(seed).integers(1, 100, (neurons, length))
    chunks = packing.chunked(rows)
    assert chunks.shape == (-(-neurons // 8), length, 8)
    flat = chunks.transpose(0, 2, 1).reshape(-1, length)
    np.testing.assert_array_equal(flat[:neurons], rows)
    assert not flat[neurons:].any()


def test_packed_weights_are_the_signs_of_eight_neurons_side_by_side():
    weight = np.random.default_rng(3).choice(np.array([-1, 1], np.int8), (9, 2, 2, 65))
    packed = packing.packed_weights(weight)
    assert packed.shape == (2, 4 * 2, 8)
    ninth = np.ascontiguousarray(packed[1, :, 0]).reshape(2, 2, 2)
    np.testing.assert_array_equal(unpack_bits(ninth, 65), weight[8])


def test_missing_neurons_can_never_be_minus_one():
    values, flips = packing.thresholds(Threshold(np.array([3, 4], np.int32), [True, False]))
    assert values.shape == flips.shape == (64,)
    assert list(flips[:2]) == [-1, 0]
    assert not flips[2:].any()
    assert (values[2:] == np.iinfo(np.int32).min).all()
    floats, _ = packing.thresholds(Threshold(np.array([0.5], np.float32), [False]))
    assert np.isneginf(floats[1:]).all()
