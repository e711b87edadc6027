import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_strategies import GENERATORS, IMAGES, bound_layers, elementwise, signs, values

from bnnplan.backends.reference import evaluate
from bnnplan.models import layers
from bnnplan.models.graph import Network, Node
from bnnplan.models.lowering import LAST_PASSES, PASSES, lower
from bnnplan.models.lowering.bounds import bounds
from bnnplan.models.tensors import ElementType, TensorType

BIT, UINT8, INT8, INT32, FLOAT32 = ElementType


NUMERIC = ["ScaleBias", "BatchNorm", "PRelu", "Clip", "Quantize", "MultiThreshold"]
PATTERNS = [
    ["elementwise"],
    ["Sign"],
    ["conv"],
    ["conv", "BatchNorm", "Sign"],
    ["conv", "MaxPool2d", "elementwise", "Sign"],
    ["conv", "elementwise", "MaxPool2d", "BatchNorm", "Sign"],
    ["conv", "Flatten", "BatchNorm", "Sign", "dense"],
    ["conv", "Transpose", "Flatten", "dense", "BatchNorm"],
    ["Transpose", "Sign", "Flatten", "elementwise", "Sign", "dense"],
    ["Transpose", "Transpose", "Reshape"],
    ["dense", "elementwise", "Sign", "dense"],
    ["Flatten", "Flatten"],
    ["ScaleBias", "Threshold", "Flatten", "dense"],
    ["Threshold", "Flatten", "Threshold"],
]


@st.composite
def a_layer(draw, choice, source):
    """A layer of the chosen sort that can take `source`, or None."""
    rng, channels = draw(GENERATORS), source.channels
    if choice == "elementwise":
        return draw(elementwise(source, ["ScaleBias"] if source.element is BIT else NUMERIC))
    if choice in ("Sign", "Threshold", "BatchNorm", "ScaleBias"):
        usable = choice in ("BatchNorm", "ScaleBias") or source.element is not BIT
        return draw(elementwise(source, [choice])) if usable else None
    if choice == "Flatten":
        return layers.Flatten()
    if choice in ("conv", "dense") and source.element is INT32:
        return None
    if choice == "dense":
        weight = signs(rng, draw(st.integers(1, 4)), channels)
        kind = layers.BinaryDense if source.element is BIT else layers.BinaryWeightDense
        return kind(weight) if len(source.shape) == 1 else None
    if len(source.shape) == 1:
        return None
    size = min(2, *source.shape[:2])
    if choice == "conv":
        weight = signs(rng, draw(st.integers(1, 4)), size, size, channels)
        if source.element is BIT:
            return layers.BinaryConv2d(weight, pad_value=draw(st.sampled_from([0, 1, -1])))
        return layers.BinaryWeightConv2d(weight)
    if choice == "MaxPool2d":
        pads = draw(st.lists(st.integers(0, size - 1), min_size=4, max_size=4))
        minimum = rng.random(channels) < 0.5 if draw(st.booleans()) else None
        return layers.MaxPool2d(size, draw(st.integers(1, 2)), pads, minimum)
    if choice == "Reshape":
        return layers.Reshape((source.shape[1], source.shape[0], channels))
    return layers.Transpose(draw(st.permutations(range(3))))


@st.composite
def networks(draw):
    """Random networks of one to four patterns; some tensors are read twice, or by the user."""
    source = TensorType(draw(IMAGES), draw(st.sampled_from([UINT8, INT8, BIT, FLOAT32])))
    nodes, tensor, outputs, type = [], "input", set(), source
    patterns = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4))
    for index, choice in enumerate(name for pattern in patterns for name in pattern):
        layer = draw(a_layer(choice, type))
        if layer is None:
            continue
        made = f"t{index}"
        nodes.append(Node(f"n{index}", layer, [tensor], [made]))
        if draw(st.integers(0, 19)) == 0:
            outputs.add(made)
        before, type = type, layer.infer((type,))[0]
        twice = type == before and type.element in (INT32, FLOAT32)
        if twice and draw(st.integers(0, 4)) == 0:
            nodes.append(Node(f"add{index}", layers.Add(), [tensor, made], [f"sum{index}"]))
            made = f"sum{index}"
        tensor = made
    assume(nodes)
    return Network("random", {"input": source}, nodes, sorted({tensor, *outputs}))


def feeds(network, seed=0):
    rng = np.random.default_rng(seed)
    return {name: values(rng, 3, type) for name, type in network.inputs.items()}


def assert_same_values(before, after, fed=None):
    fed = fed or feeds(before)
    wanted, got = evaluate(before, fed), evaluate(after, fed)
    for name in before.outputs:
        np.testing.assert_array_equal(got[name], wanted[name], err_msg=name)
        assert after.types[name] == before.types[name]


@settings(max_examples=300, deadline=None)
@given(network=networks())
def test_lowering_keeps_every_value(network):
    assert_same_values(network, lower(network))


@pytest.mark.parametrize("run", PASSES + LAST_PASSES, ids=lambda run: run.__name__)
@settings(max_examples=100, deadline=None)
@given(network=networks())
def test_every_pass_keeps_every_value_and_then_has_nothing_to_do(run, network):
    lowered = run(network)
    assert_same_values(network, lowered)
    assert run(lowered) is lowered


@settings(max_examples=50, deadline=None)
@given(network=networks())
def test_lowering_twice_is_lowering_once(network):
    lowered = lower(network)
    assert lower(lowered) is lowered
    assert not any(isinstance(node.layer, layers.BatchNorm) for node in lowered.nodes)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_layers_of_every_kind_alone(data):
    kind = data.draw(st.sampled_from(list(layers.LAYER_KINDS.values())))
    layer, types = data.draw(bound_layers(kind))
    inputs = {f"in{index}": type for index, type in enumerate(types)}
    outputs = [f"out{index}" for index in range(len(layer.infer(types)))]
    network = Network("alone", inputs, [Node("n", layer, list(inputs), outputs)], outputs)
    assert_same_values(network, lower(network))


def chain(source, *made, outputs=None):
    nodes = [
        Node(f"n{index}", layer, [f"t{index - 1}" if index else "in"], [f"t{index}"])
        for index, layer in enumerate(made)
    ]
    return Network("chain", {"in": source}, nodes, outputs or [f"t{len(made) - 1}"])


def kinds(network):
    return [node.layer.kind for node in network.nodes]


def norm(channels, seed=0):
    rng = np.random.default_rng(seed)
    return layers.BatchNorm(
        rng.normal(size=channels),
        rng.normal(size=channels),
        rng.normal(size=channels),
        rng.uniform(0.5, 2, channels),
    )


def test_hep_bnn_becomes_binary_layers_only():
    rng = np.random.default_rng(3)
    network = chain(
        TensorType((8, 8, 1), "uint8"),
        layers.ScaleBias([255], [0]),
        layers.BinaryWeightConv2d(signs(rng, 6, 3, 3, 1), pads=(1, 1, 1, 1)),
        layers.MaxPool2d(2, 2),
        norm(6),
        layers.Sign(-1),
        layers.BinaryConv2d(signs(rng, 5, 3, 3, 6), pads=(1, 1, 1, 1)),
        layers.MaxPool2d(2, 2),
        norm(5, 1),
        layers.Sign(-1),
        layers.Transpose((2, 0, 1)),
        layers.Flatten(),
        layers.BinaryDense(signs(rng, 5, 20)),
        norm(5, 2),
        layers.Sign(-1),
        layers.BinaryDense(signs(rng, 3, 5)),
        norm(3, 3),
    )
    lowered = lower(network)
    assert [
        (node.layer.kind, *(inner.kind for inner in node.layer.fused)) for node in lowered.nodes
    ] == [
        ("BinaryWeightConv2d", "Threshold", "MaxPool2d"),
        ("BinaryConv2d", "Threshold", "MaxPool2d"),
        ("Flatten",),
        ("BinaryDense", "Threshold"),
        ("BinaryDense", "ScaleBias"),
    ]
    assert_same_values(network, lowered)


def test_residual_branches_keep_their_numbers():
    rng = np.random.default_rng(3)
    image = TensorType((4, 4, 3), "float32")
    nodes = [
        Node("sign", layers.Sign(), ["x"], ["bits"]),
        Node("conv", layers.BinaryConv2d(signs(rng, 3, 1, 1, 3)), ["bits"], ["sums"]),
        Node("norm", norm(3), ["sums"], ["scaled"]),
        Node("add", layers.Add(), ["x", "scaled"], ["y"]),
    ]
    network = Network("residual", {"x": image}, nodes, ["y"])
    lowered = lower(network)
    assert kinds(lowered) == ["Sign", "BinaryConv2d", "Add"]
    assert_same_values(network, lowered)


def test_dead_layers_and_identities_go():
    image = TensorType((2, 2, 3), "float32")
    nodes = [
        Node("used", layers.Clip(0, 1), ["x"], ["y"]),
        Node("one", layers.ScaleBias([1] * 3, [0] * 3), ["y"], ["z"]),
        Node("dead", layers.Clip(0, 2), ["y"], ["nobody"]),
        Node("again", layers.Reshape((2, 2, 3)), ["z"], ["out"]),
    ]
    lowered = lower(Network("n", {"x": image}, nodes, ["out"]))
    assert [(n.name, n.inputs, n.outputs) for n in lowered.nodes] == [("used", ("x",), ("out",))]


@pytest.mark.parametrize(("zero", "least"), [(1, 0), (-1, 1)])
def test_sign_of_sums_becomes_a_threshold(zero, least):
    weight = signs(np.random.default_rng(0), 4, 6)
    lowered = lower(chain(TensorType((6,), "bit"), layers.BinaryDense(weight), layers.Sign(zero)))
    threshold = lowered.nodes[0].layer.threshold
    assert threshold.threshold.tolist() == [least] * 4
    assert not threshold.flip.any()


@pytest.mark.parametrize(
    ("scale", "exact"), [(255, True), (1 / 256, True), (3, True), (1 / 255, False), (0.1, False)]
)
def test_only_exact_scales_keep_integers(scale, exact):
    weight = signs(np.random.default_rng(0), 4, 3, 3, 1)
    network = chain(
        TensorType((5, 5, 1), "uint8"),
        layers.ScaleBias([scale], [0]),
        layers.BinaryWeightConv2d(weight, pads=(1, 0, 1, 0)),
    )
    lowered = lower(network)
    assert (kinds(lowered)[0] == "BinaryWeightConv2d") == exact
    assert_same_values(network, lowered)


def test_float_sums_are_not_reordered():
    weight = signs(np.random.default_rng(0), 2, 12)
    network = chain(
        TensorType((2, 2, 3), "float32"),
        layers.Transpose((2, 0, 1)),
        layers.Flatten(),
        layers.BinaryWeightDense(weight),
    )
    assert kinds(lower(network)) == ["Transpose", "Flatten", "BinaryWeightDense"]


@pytest.mark.parametrize("element", [UINT8, INT8, FLOAT32])
@pytest.mark.parametrize("channels", [1, 3, 65])
@pytest.mark.parametrize("reshaped", [False, True])
def test_images_of_few_channels_are_flattened_before_they_become_bits(element, channels, reshaped):
    rng = np.random.default_rng(channels)
    source = TensorType((3, 4, channels), element)
    flatten = layers.Reshape((source.elements,)) if reshaped else layers.Flatten()
    rule = layers.Threshold(
        rng.integers(-9, 99, channels).astype(np.float32 if element is FLOAT32 else np.int32),
        rng.random(channels) < 0.5,
    )
    weight = signs(rng, 5, source.elements)
    network = chain(source, rule, flatten, layers.BinaryDense(weight))
    lowered = lower(network)
    assert [lowered.types[node.outputs[0]].shape for node in lowered.nodes[:2]] == [
        (source.elements,),
        (source.elements,),
    ]
    assert kinds(lowered)[1:] == ["Threshold", "BinaryDense"]
    assert_same_values(network, lowered)


@pytest.mark.parametrize("shape", [(4, 4, 64), (1, 1, 3)])
def test_bits_that_lie_well_are_flattened_as_bits(shape):
    source = TensorType(shape, "int32")
    network = chain(source, layers.Sign(), layers.Flatten())
    assert kinds(lower(network)) == ["Sign", "Flatten"]


def test_a_decision_that_others_read_stays_an_image():
    image = TensorType((4, 4, 3), "uint8")
    rule = layers.Threshold(np.array([1, 2, 3], np.int32), [False] * 3)
    for made in (["t0", "t1"], ["t1"]):
        network = chain(image, rule, layers.Flatten(), outputs=made)
        wanted = ["Threshold", "Flatten"] if "t0" in made else ["Flatten", "Threshold"]
        assert kinds(lower(network)) == wanted


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_pooling_of_bits_is_pooling_of_numbers(data):
    source = TensorType((5, 4, 3), "int8")
    conv = layers.BinaryWeightConv2d(signs(np.random.default_rng(1), 6, 2, 2, 3))
    pool, _ = data.draw(bound_layers(layers.MaxPool2d).filter(lambda b: b[0].kernel <= (2, 2)))
    minimum = data.draw(st.none() | st.lists(st.booleans(), min_size=6, max_size=6))
    pool = layers.MaxPool2d(pool.kernel, pool.strides, pool.pads, minimum)
    network = chain(source, conv, pool, norm(6, data.draw(st.integers(0, 9))), layers.Sign())
    lowered = lower(network)
    assert all(type.element is BIT for name, type in lowered.types.items() if name != "in")
    assert_same_values(network, lowered)


def test_a_float_stem_behind_pixels_folds_into_one_threshold():
    """Pixels are finite, so are the sums, and a channel that is always -1 is a threshold too."""
    random = np.random.default_rng(0)
    network = Network(
        "stem",
        {"pixels": TensorType((6, 6, 3), "uint8")},
        [
            Node("scale", layers.ScaleBias(np.full(3, 0.5), np.full(3, -60.0)), ["pixels"], ["x"]),
            Node("conv", layers.FloatConv2d(random.normal(size=(4, 3, 3, 3))), ["x"], ["sums"]),
            Node("clip", layers.Clip(), ["sums"], ["positive"]),
            Node(
                "norm",
                layers.ScaleBias(np.array([1.0, -1.0, 1.0, 0.0]), np.array([-9.0, 9.0, 9.0, -1.0])),
                ["positive"],
                ["normal"],
            ),
            Node("sign", layers.Sign(), ["normal"], ["bits"]),
        ],
        ["bits"],
    )
    lowered = lower(network)
    assert [node.layer.kind for node in lowered.nodes] == ["ScaleBias", "FloatConv2d", "Threshold"]
    pixels = random.integers(0, 256, (5, 6, 6, 3), np.uint8)
    wanted = evaluate(network, {"pixels": pixels})["bits"]
    np.testing.assert_array_equal(evaluate(lowered, {"pixels": pixels})["bits"], wanted)
    assert (wanted[..., 3] == -1).all()


@pytest.mark.parametrize(
    ("pool", "fuses"),
    [
        (layers.MaxPool2d(2, 2), True),
        (layers.MaxPool2d((3, 1), (4, 2)), True),
        (layers.MaxPool2d(3, 2), False),
        (layers.MaxPool2d(2, 2, (1, 0, 0, 0)), False),
    ],
)
@pytest.mark.parametrize("element", [BIT, UINT8])
def test_a_convolution_carries_the_pooling_of_windows_side_by_side(pool, fuses, element):
    rng = np.random.default_rng(5)
    source = TensorType((7, 6, 3), element)
    kind = layers.BinaryConv2d if element is BIT else layers.BinaryWeightConv2d
    network = chain(source, kind(signs(rng, 70, 2, 2, 3)), pool, norm(70), layers.Sign())
    lowered = lower(network)
    assert kinds(lowered) == [kind.__name__] + ["MaxPool2d"] * (not fuses)
    assert_same_values(network, lowered)


def test_what_others_read_is_not_fused():
    rng = np.random.default_rng(5)
    conv = layers.BinaryConv2d(signs(rng, 4, 1, 1, 3), threshold=layers.Threshold([0] * 4, [0] * 4))
    pooled = chain(TensorType((4, 4, 3), BIT), conv, layers.MaxPool2d(2, 2), outputs=["t0", "t1"])
    assert lower(pooled) is pooled
    dense = layers.BinaryDense(signs(rng, 4, 3))
    scaled = chain(
        TensorType((3,), BIT),
        dense,
        lower(chain(TensorType((4,), INT32), norm(4))).nodes[0].layer,
        outputs=["t0", "t1"],
    )
    assert lower(scaled) is scaled


def test_two_poolings_in_a_row_leave_the_second():
    rng = np.random.default_rng(5)
    conv = layers.BinaryConv2d(signs(rng, 4, 1, 1, 3), threshold=layers.Threshold([0] * 4, [0] * 4))
    network = chain(
        TensorType((8, 8, 3), BIT), conv, layers.MaxPool2d(2, 2), layers.MaxPool2d(2, 2)
    )
    lowered = lower(network)
    assert kinds(lowered) == ["BinaryConv2d", "MaxPool2d"]
    assert_same_values(network, lowered)


def test_what_a_product_carries_is_in_its_bounds():
    """A decision behind scaled sums must see the scaled range, not that of the sums."""
    weight = signs(np.random.default_rng(0), 3, 5)
    scale = layers.ScaleBias([0.5, -2, 100], [1, 0, -1])
    network = chain(TensorType((5,), BIT), layers.BinaryDense(weight, scale_bias=scale))
    assert bounds(network)["t0"] == (-501, 499)


def test_reshapes_join_when_what_stood_between_them_is_gone():
    network = Network(
        "shapes",
        {"x": TensorType((1, 2, 1), UINT8)},
        [
            Node("there", layers.Reshape((2, 1, 1)), ["x"], ["a"]),
            Node("same", layers.Transpose((0, 1, 2)), ["a"], ["b"]),
            Node("back", layers.Reshape((1, 2, 1)), ["b"], ["c"]),
            Node("sign", layers.Sign(), ["c"], ["y"]),
        ],
        ["y"],
    )
    (run,) = [run for run in PASSES if run.__name__ == "remove_identities"]
    assert [node.name for node in run(network).nodes] == ["sign"]
