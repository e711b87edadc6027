"""Straight-through estimators that exporters leave in graphs become the sign that they mean."""

import numpy as np
import pytest
from onnx_graphs import Graph, agree, import_model, kinds, signs

from bnnplan.models.errors import UnsupportedError
from bnnplan.models.layers import BinaryConv2d
from bnnplan.models.lowering import lower

SHAPE = (4, 6, 5)
RNG = np.random.default_rng(11)
WEIGHT = signs(RNG, 8, 4, 3, 3)


def f(*values):
    return np.array(values, np.float32)


def clipped(g, x):
    return g.op("Clip", x, f(-1).reshape(()), f(1).reshape(()))


def react_soft(g, x):
    """ReActNet's piecewise polynomial, whose products of tensors bnnplan has no layer for."""
    inside = g.op("Cast", g.op("Less", x, f(1)), to=1)
    square = g.op("Add", g.op("Mul", x, x), g.op("Mul", f(2), x))
    return g.op("Add", g.op("Mul", square, inside), g.op("Sub", f(1), inside))


def identity(g, x):
    return g.op("Identity", x)


FORMS = {
    "plus": lambda g: g.op("Add", "x", g.op("Sub", g.op("Sign", "x"), "x")),
    "plus_swapped": lambda g: g.op("Add", g.op("Sub", g.op("Sign", "x"), "x"), "x"),
    "minus": lambda g: g.op("Sub", "x", g.op("Sub", "x", g.op("Sign", "x"))),
    "detached": lambda g: g.op(
        "Add", "x", identity(g, g.op("Sub", g.op("Sign", identity(g, "x")), identity(g, "x")))
    ),
    "clip": lambda g: (lambda c: g.op("Add", g.op("Sub", g.op("Sign", "x"), c), c))(
        clipped(g, "x")
    ),
    "react": lambda g: (lambda c: g.op("Add", g.op("Sub", g.op("Sign", "x"), c), c))(
        react_soft(g, "x")
    ),
}


@pytest.fixture
def x():
    return (RNG.integers(-8, 8, (3, *SHAPE)) + 0.5).astype(np.float32) / 4


@pytest.mark.parametrize("form", FORMS)
def test_activations_become_bits(form, x, tmp_path):
    graph = Graph(SHAPE)
    result = graph.op("Conv", FORMS[form](graph), WEIGHT, pads=[1, 1, 1, 1])
    imported = agree(graph.model(result), x, tmp_path)
    assert kinds(imported.network) == ["Sign", "BinaryConv2d"]
    (line,) = [line for line in imported.report.assumptions if "estimator" in line]
    assert line in imported.network.notes


def test_scaled_weights_become_bits(x, tmp_path):
    """ReActNet's weights: mean magnitude times sign, with the clipped weights added and taken."""
    graph = Graph(SHAPE)
    real = graph.constant(RNG.normal(size=(8, 4, 3, 3)).astype(np.float32))
    mean = graph.op("ReduceMean", graph.op("Abs", real), axes=[1, 2, 3], keepdims=1)
    binary, soft = graph.op("Mul", mean, graph.op("Sign", real)), clipped(graph, real)
    weight = graph.op("Add", graph.op("Sub", binary, soft), soft)
    result = graph.op("Conv", graph.op("Sign", "x"), weight)
    imported = agree(graph.model(result), x, tmp_path, exact=False)
    (product,) = [n for n in lower(imported.network).nodes if isinstance(n.layer, BinaryConv2d)]
    np.testing.assert_array_equal(np.unique(product.layer.weight), [-1, 1])


NOT_ESTIMATORS = {
    "other": lambda g: g.op("Add", g.op("Relu", "x"), g.op("Sub", g.op("Sign", "x"), "x")),
    "difference": lambda g: g.op("Sub", g.op("Sign", "x"), "x"),
    "turned": lambda g: g.op("Add", g.op("Sub", "x", g.op("Sign", "x")), "x"),
    # The sum has the shape of x, the number 1 has not.
    "broadcast": lambda g: g.op("Add", g.op("Sub", f(1), "x"), "x"),
}


@pytest.mark.parametrize("form", NOT_ESTIMATORS)
def test_what_is_no_estimator_is_computed(form, x, tmp_path):
    graph = Graph(SHAPE)
    imported = agree(graph.model(NOT_ESTIMATORS[form](graph)), x, tmp_path, exact=False)
    assert not any("estimator" in line for line in imported.report.assumptions)


def test_a_tensor_that_moves_elements_is_no_estimator(tmp_path):
    graph = Graph((4, 5, 5))
    moved = graph.op("Sign", graph.op("Transpose", "x", perm=[0, 1, 3, 2]))
    model = graph.model(graph.op("Add", graph.op("Sub", moved, "x"), "x"))
    with pytest.raises(UnsupportedError, match="the sum of tensors"):
        import_model(model, tmp_path)
