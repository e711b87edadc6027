import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.reference import compute
from bnnplan.models.errors import InputError
from bnnplan.models.normalization import Normalization, parse_normalization

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("text", "scale", "mean"),
    [
        ("scale=255", (255,), (0,)),
        ("scale=1/127.5,mean=127.5", (1 / 127.5,), (127.5,)),
        (" mean = 123.68:116.779:103.939 ", (1,), (123.68, 116.779, 103.939)),
        ("mean=-1e1, scale=1/2:.5:5e-1", (0.5, 0.5, 0.5), (-10,)),
    ],
)
def test_texts(text, scale, mean):
    assert parse_normalization(text) == Normalization(scale, mean)


@given(
    scale=st.lists(FINITE.filter(bool), min_size=1, max_size=1), mean=st.lists(FINITE, min_size=1)
)
def test_text_round_trip(scale, mean):
    normalization = Normalization(scale, mean)
    assert parse_normalization(str(normalization)) == normalization


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no scale or mean"),
        ("255", "no scale or mean; try scale=255"),
        ("std=3", "'std=3' is no scale or mean"),
        ("scale=", "'' is no number"),
        ("scale=1/0", "'1/0' is no number"),
        ("scale=nan", "'nan' is no number"),
        ("scale=1e999", "is no number"),
        ("scale=0", "must not be 0"),
        ("scale=1,scale=2", "gives scale twice"),
        ("scale=1:2,mean=1:2:3", "2 scales but 3 means"),
    ],
)
def test_bad_texts(text, message):
    with pytest.raises(InputError, match=r"^[^\n]*$") as caught:
        parse_normalization(text)
    assert message in str(caught.value)


def test_as_a_layer():
    pixels = np.array([[0, 100, 255]], np.uint8)
    layer = parse_normalization("scale=1/2,mean=1:2:3").scale_bias(3)
    np.testing.assert_array_equal(compute(layer, [pixels])[0], [[-0.5, 49, 126]])
    assert not np.signbit(Normalization((255,)).scale_bias(1).bias).any()
    with pytest.raises(InputError, match="for 3 channels, but the input has 1"):
        parse_normalization("mean=1:2:3").scale_bias(1)
