"""Boards that are described by published figures, and the costs that these give."""

import itertools
import re

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import chain

from bnnplan.backends.interface import Configuration
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import LAYER_KINDS, BinaryConv2d
from bnnplan.models.tensors import TensorType
from bnnplan.planner.board_model import BoardModelError, load_board_model, save_board_model
from bnnplan.planner.boards import (
    Figure,
    board_names,
    describe_board,
    modelled_board,
    open_board_model,
)
from bnnplan.planner.boards.core_types import CORE_TYPES
from bnnplan.planner.boards.cpu_terms import (
    BESIDE,
    moving_cycles,
    nanoseconds,
    product_cycles,
    traffic_costs,
)
from bnnplan.planner.boards.modelling import MOVERS, UNCERTAIN, model_of
from bnnplan.planner.characterizing.designs import designed_layers
from bnnplan.planner.descriptors import Distances, descriptors, family_of
from bnnplan.planner.descriptors.families import COMPUTE
from bnnplan.planner.predicting import predict_profile
from bnnplan.planner.profile import Origin

BOARDS = board_names()


def figures(part):
    """All figures of a description, however deep."""
    if isinstance(part, Figure):
        yield part
    elif attrs.has(type(part)):
        for field in attrs.fields(type(part)):
            yield from figures(getattr(part, field.name))
    elif isinstance(part, tuple):
        for item in part:
            yield from figures(item)


def test_the_boards_that_people_ask_for_are_described():
    wanted = {"khadas-vim3", "hikey970", "raspberry-pi-4", "raspberry-pi-5", "jetson-nano"}
    assert wanted | {"jetson-tx2", "jetson-agx-orin", "rk3399"} <= set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_every_figure_has_a_source_and_every_source_a_figure(name):
    board = describe_board(name)
    assert board.name == name
    found = list(figures(board))
    assert {figure.source for figure in found} == set(board.sources)
    assert all(figure.value > 0 for figure in found)
    for source in board.sources.values():
        assert source.title
        assert source.url.startswith("https://")


@pytest.mark.parametrize("name", BOARDS)
def test_clusters_are_of_cores_of_their_own_with_the_fastest_first(name):
    clusters = describe_board(name).clusters
    cores = [core for cluster in clusters for core in cluster.cores]
    assert len(cores) == len(set(cores))
    speeds = [max(CORE_TYPES[c.core].bits.values()) * c.clock_hz.value for c in clusters]
    assert speeds == sorted(speeds, reverse=True)
    assert all(cluster.isa in CORE_TYPES[cluster.core].bits for cluster in clusters)


@pytest.mark.parametrize("name", BOARDS)
def test_a_modelled_board_is_one_that_files_hold(name, tmp_path):
    model = modelled_board(name)
    assert model.origin is Origin.MODELLED
    assert model.sources
    assert all(family.error.samples == 0 for family in model.families)
    assert all(device.power_watts is None for device in model.board.devices)
    save_board_model(model, tmp_path / "model.json")
    assert load_board_model(tmp_path / "model.json") == model
    assert open_board_model(str(tmp_path / "model.json")) == model == open_board_model(name)


def test_a_name_that_is_neither_board_nor_file_tells_the_boards():
    with pytest.raises(BoardModelError, match="khadas-vim3, laptop"):
        open_board_model("vim3")
    with pytest.raises(BoardModelError, match="khadas-vim3, laptop"):
        modelled_board("../modelling")


@pytest.mark.parametrize("name", BOARDS)
def test_every_layer_is_modelled_on_every_device(name):
    network, model = chain(), modelled_board(name)
    profile = predict_profile(network, model)
    names = {device.name for device in model.board.devices}
    for costs in profile.layers.values():
        assert {cost.device for cost in costs.placements} == names
        for cost in costs.placements:
            assert cost.origin is Origin.MODELLED
            assert cost.time.runs == 0
            assert cost.time.low < cost.time.median < cost.time.high


def convolution(size, channels):
    weight = np.ones((channels, 3, 3, channels), np.int8)
    image = TensorType((size, size, channels), "bit")
    return BoundLayer(BinaryConv2d(weight, pads=1), (image,), 1)


@pytest.mark.parametrize("name", BOARDS)
def test_no_core_is_taken_to_do_more_than_its_units_could(name):
    # A vector unit of 128 bits needs three operations (xor, count, add) for 128 products.
    bound = convolution(28, 256)
    products = bound.layer.macs(bound.inputs)
    model = modelled_board(name)
    clusters = describe_board(name).clusters
    for device, cluster in zip(model.board.devices, clusters, strict=False):
        if cluster.isa != "neon":
            continue
        (family,) = [
            f for f in model.families if (f.family, f.device) == ("binary-conv", device.name)
        ]
        terms = descriptors(bound, device, Configuration("", 1, "neon"))
        time = sum(family.nanoseconds.get(term, 0) * value for term, value in terms.items())
        units = 1 if cluster.core in ("Cortex-A53", "Cortex-A55") else 2
        rate = products / (time * cluster.clock_hz.value * 1e-9)
        assert 0.2 * units * 128 / 3 < rate < units * 128 / 3


# daBNN's README: one core of a Pixel 1 with two vector units, here as fast an A72.
RECORDED = {(56, 64): 1.286, (28, 128): 0.989, (14, 256): 1.019, (7, 512): 1.226}


@pytest.mark.parametrize("shape", RECORDED)
def test_recorded_times_of_others_lie_in_the_interval_that_is_stated(shape):
    board = describe_board("rk3399")
    fast = attrs.evolve(board.clusters[0], clock_hz=Figure(2.15e9, "rk3399"))
    model = model_of(attrs.evolve(board, clusters=[fast]))
    (family,) = [f for f in model.families if (f.family, f.device) == ("binary-conv", "cpu0")]
    terms = descriptors(
        convolution(*shape), model.board.device("cpu0"), Configuration("", 1, "neon")
    )
    time = sum(family.nanoseconds.get(term, 0) * value for term, value in terms.items())
    assert time * UNCERTAIN.low < RECORDED[shape] * 1e6 < time * UNCERTAIN.high
    assert RECORDED[shape] * 1e6 == pytest.approx(time, rel=0.5)


def test_terms_that_are_costed_or_beside_them_are_those_that_layers_have():
    core = CORE_TYPES["Cortex-A53"]
    always = {*nanoseconds({}, 1e9), *traffic_costs(1e9, 1e9)}
    emitted = {True: set(), False: set()}
    device = attrs.evolve(modelled_board("rk3399").board.device("cpu0"), threads=4)
    for index, bound in enumerate(itertools.islice(designed_layers(3), 600)):
        # Counting what large ones of floats do takes longer than all others together.
        if family_of(bound) == "float-conv" and bound.inputs[0].shape[0] > 40:
            continue
        for variant in ("neon", "avx2", "avx2-lookup"):
            how = Configuration(*(("", 1), ("YZ", 4))[index % 2], variant)
            for touched in (1 << 16, 1 << 20, float("inf")):
                distances = Distances(touched, (), touched)
                has_products = family_of(bound) in COMPUTE
                emitted[has_products].update(descriptors(bound, device, how, distances))
    costed = {True: {*product_cycles(core, "neon")}, False: {*moving_cycles(core)}}
    for has_products, terms in emitted.items():
        assert terms <= costed[has_products] | always | BESIDE
    # These are named for every kind of element, and for every cache.
    everywhere = re.compile(r".* (of|from) (bit|u?int8|int32|float32|bytes)|.*, past .* cache")
    named = {*costed[True], *costed[False], *always, *BESIDE}
    assert {n for n in named if not everywhere.fullmatch(n)} <= emitted[True] | emitted[False]


@settings(max_examples=10)
@given(st.sampled_from(BOARDS), st.floats(0.25, 4))
def test_a_board_whose_clocks_are_all_faster_is_faster_by_as_much(name, factor):
    def faster(figure):
        return attrs.evolve(figure, value=figure.value * factor)

    board = attrs.evolve(describe_board(name), gpu=None)
    clusters = [attrs.evolve(c, clock_hz=faster(c.clock_hz)) for c in board.clusters]
    scaled = attrs.evolve(board, clusters=clusters, memory_bandwidth=faster(board.memory_bandwidth))
    for slow, fast in zip(model_of(board).families, model_of(scaled).families, strict=True):
        assert list(slow.nanoseconds) == list(fast.nanoseconds)
        costs = np.array(list(slow.nanoseconds.values()))
        np.testing.assert_allclose(np.array(list(fast.nanoseconds.values())) * factor, costs)


@pytest.mark.parametrize("kind", LAYER_KINDS.values(), ids=LAYER_KINDS)
def test_every_kind_of_layer_has_a_family_that_is_modelled(kind):
    known = {*MOVERS, *COMPUTE}
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
    named = {"sign": "threshold", "batch-norm": "scale-bias", "flatten": "reshape"}
    has_products = "weight" in attrs.fields_dict(kind)
    assert has_products or named.get(name, name) in known or name == "max-pool2d"


def test_a_gpu_whose_backend_is_not_installed_is_planned_for():
    profile = predict_profile(chain(), modelled_board("jetson-tx2"))
    costs = [c for c in profile.layers["second"].placements if c.device == "cuda0"]
    assert [cost.configuration for cost in costs] == [Configuration()]
