"""Tensor types, and how bits are packed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.models.errors import NetworkError
from bnnplan.models.tensors import TensorType, decode, encode, pack_bits, unpack_bits


def test_bits_are_packed_lowest_first_and_the_tail_is_zero():
    values = np.ones(70)
    values[[0, 3, 63, 64, 69]] = -0.5
    words = pack_bits(values)
    assert words.dtype == np.uint64
    assert [int(word) for word in words] == [1 | 1 << 3 | 1 << 63, 1 | 1 << 5]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 8, 9, 63, 64, 65, 128, 130]))
def test_unpacking_is_the_inverse(seed, channels):
    values = np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (2, 3, channels))
    np.testing.assert_array_equal(unpack_bits(pack_bits(values), channels), values)


@pytest.mark.parametrize("element", ["bit", "uint8", "int8", "int32", "float32"])
@pytest.mark.parametrize("shape", [(65,), (2, 3, 5)])
def test_arrays_are_what_their_type_says(element, shape):
    type = TensorType(shape, element)
    values = np.ones((4, *shape), np.int8)
    array = encode(values, type)
    assert array.shape == type.array_shape(4)
    assert array.dtype == type.element.dtype
    assert array.nbytes == type.nbytes(4)
    np.testing.assert_array_equal(decode(array, type), values)


@pytest.mark.parametrize(
    "shape", [(), (2, 2), (1, 1, 1, 1), (0,), (3, -1, 2), (2**31,), (2**20,) * 3]
)
def test_impossible_shapes_are_refused(shape):
    with pytest.raises(NetworkError, match=r"tensor shape"):
        TensorType(shape, "bit")
