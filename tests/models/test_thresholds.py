import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from layer_strategies import GENERATORS, elementwise

from bnnplan.backends.reference import compute
from bnnplan.models.layers import (
    BatchNorm,
    Clip,
    MultiThreshold,
    PRelu,
    ScaleBias,
    Sign,
    Threshold,
)
from bnnplan.models.lowering.bounds import EVERYTHING
from bnnplan.models.lowering.semantics import is_monotone
from bnnplan.models.lowering.thresholds import threshold_of
from bnnplan.models.tensors import TensorType

CHAIN_KINDS = ["ScaleBias", "BatchNorm", "PRelu", "Clip", "Quantize", "MultiThreshold"]
FLOATS = TensorType((3,), "float32")
ODD = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)


@st.composite
def chains(draw, source):
    """Monotone layers in a row, and the decision that ends them."""
    made, type = [], source
    for _ in range(draw(st.integers(0, 4))):
        layer = draw(elementwise(type, CHAIN_KINDS).filter(is_monotone))
        made.append(layer)
        type = layer.infer((type,))[0]
    decision = draw(elementwise(type, ["Sign", "Threshold"]))
    return made, decision


def decide(chain, decision, x):
    for layer in chain:
        (x,) = compute(layer, [x])
    return compute(decision, [x])[0]


@settings(max_examples=300)
@given(data=st.data(), element=st.sampled_from(["uint8", "int8", "int32"]))
def test_integers_are_decided_exactly(data, element):
    source = TensorType((4,), element)
    chain, decision = data.draw(chains(source))
    limits = {"uint8": (0, 255), "int8": (-128, 127), "int32": (-5000, 5000)}[element]
    threshold = threshold_of(chain, decision, source, limits)
    every = np.arange(limits[0], limits[1] + 1).astype(element)[:, np.newaxis].repeat(4, 1)
    assert threshold.threshold.dtype == np.int32
    np.testing.assert_array_equal(compute(threshold, [every])[0], decide(chain, decision, every))


@settings(max_examples=300)
@given(data=st.data(), rng=GENERATORS)
def test_floats_are_decided_exactly(data, rng):
    chain, decision = data.draw(chains(FLOATS))
    threshold = threshold_of(chain, decision, FLOATS, EVERYTHING)
    if threshold is None:
        return
    edges = threshold.threshold[np.newaxis]
    near = [edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, -edges)]
    bits = rng.integers(0, 2**32, (2000, 3), dtype=np.uint32).view(np.float32)
    x = np.concatenate([*near, ODD[:, np.newaxis].repeat(3, 1), bits]).astype(np.float32)
    np.testing.assert_array_equal(compute(threshold, [x])[0], decide(chain, decision, x))


@settings(max_examples=200)
@given(
    gamma=st.sampled_from([-2.0, -1e-3, 0.0, 1e-3, 1.0, 5e-45]),
    beta=st.floats(-3, 3, width=32),
    mean=st.floats(-300, 300, width=32),
    variance=st.sampled_from([0.0, 5e-45, 1.0, 1e4]),
    zero=st.sampled_from([1, -1]),
)
@example(gamma=0.0, beta=0.0, mean=0.0, variance=1.0, zero=1)
@example(gamma=0.0, beta=0.0, mean=0.0, variance=1.0, zero=-1)
@example(gamma=1.0, beta=0.0, mean=7.0, variance=1.0, zero=-1)
def test_batch_norm_and_sign_on_all_sums(gamma, beta, mean, variance, zero):
    norm = BatchNorm([gamma], [beta], [mean], [variance])
    threshold = threshold_of([norm], Sign(zero), TensorType((1,), "int32"), (-576, 576))
    sums = np.arange(-576, 577, dtype=np.int32)[:, np.newaxis]
    np.testing.assert_array_equal(compute(threshold, [sums])[0], decide([norm], Sign(zero), sums))


def test_the_whole_range_of_integers_is_searched():
    scale = ScaleBias([1, -1, 1e-9], [-2e9, -2e9, -1])
    whole = (-(2**31), 2**31 - 1)
    threshold = threshold_of([scale], Sign(), TensorType((3,), "int32"), whole)
    assert threshold.flip.tolist() == [False, True, False]
    around = threshold.threshold + np.arange(-2, 3, dtype=np.int32)[:, np.newaxis]
    np.testing.assert_array_equal(compute(threshold, [around])[0], decide([scale], Sign(), around))
    assert (np.diff(decide([scale], Sign(), around), axis=0) != 0).any(axis=0).all()


@pytest.mark.parametrize(
    ("chain", "limits"),
    [
        ([ScaleBias([0], [-1])], EVERYTHING),
        ([Clip(-2, -1)], EVERYTHING),
        ([ScaleBias([1e38], [0]), ScaleBias([1e38], [0]), ScaleBias([0], [-1])], (-9, 9)),
        ([MultiThreshold([[0.0]], 1.0, -0.5)], EVERYTHING),
    ],
    ids=["zero scale meets infinity", "always -1", "overflow meets zero scale", "NaN counts"],
)
def test_what_no_threshold_can_decide_is_left_alone(chain, limits):
    assert threshold_of(chain, Sign(), TensorType((1,), "float32"), limits) is None


def test_constant_channels_within_bounds():
    scale = ScaleBias([0, 0], [-1, 1])
    threshold = threshold_of([scale], Sign(), TensorType((2,), "int32"), (-9, 9))
    limits = np.iinfo(np.int32)
    assert threshold == Threshold(np.array([limits.max, limits.min]), [False, False])
    floats = threshold_of([scale], Sign(), TensorType((2,), "float32"), (-9.0, 9.0))
    assert floats == Threshold(np.array([np.inf, -np.inf], np.float32), [False, False])


def test_falling_slopes_are_not_monotone():
    assert is_monotone(PRelu([0.0, 0.5]))
    assert not is_monotone(PRelu([0.5, -0.5]))
