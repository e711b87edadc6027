"""Terms of layers: never negative, laws of how they grow, and the shares of threads."""

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.interface import Ceiling, Configuration, Device, MemorySpace, Work
from bnnplan.models.graph import BoundLayer, Network, Node
from bnnplan.models.layers import (
    Add,
    BinaryConv2d,
    BinaryDense,
    BinaryWeightConv2d,
    Clip,
    FloatConv2d,
    FloatDense,
    MaxPool2d,
    Threshold,
)
from bnnplan.models.tensors import ElementType, TensorType
from bnnplan.planner.characterizing.designs import DESIGNS, designed_layers
from bnnplan.planner.descriptors import (
    Distances,
    descriptors,
    family_of,
    names_of_terms,
    names_of_weight_terms,
    names_of_workspace_terms,
    reuse_distances,
    weight_terms,
    workspace_terms,
)
from bnnplan.planner.descriptors.floats import blocks_of, tiles
from bnnplan.planner.descriptors.memory import (
    FAR,
    LEVELS,
    NEAR,
    SIZES,
    levels_of,
    memory_of,
    shared_sizes,
)
from bnnplan.planner.descriptors.reuse import touched_bytes
from bnnplan.planner.descriptors.sharing import share_of
from bnnplan.planner.descriptors.windows import border_classes, product_size, taps_inside

USUAL = shared_sizes(SIZES)
CPU = Device("c", "cpu", "cpu", "", MemorySpace("host"), {"core:0"}, 8)
GPU = attrs.evolve(CPU, backend="elsewhere", kind="gpu")
ONE = Configuration("", 1, "avx512")
VARIANTS = ("avx512", "avx512bw", "avx2", "neon", "portable", "avx2-lookup", "never heard of")
FLIPPED = Threshold(np.zeros(64, np.int32), np.zeros(64, np.bool_))
LIMITS_48 = Threshold(np.zeros(48, np.int32), np.zeros(48, np.bool_))
LAYERS = list(itertools.islice(designed_layers(3), 150))


def conv(height=8, width=8, channels=64, filters=64, kernel=3, batch=1, **more):
    weight = np.ones((filters, kernel, kernel, channels // more.get("groups", 1)), np.int8)
    layer = BinaryConv2d(weight, pads=kernel // 2, **more)
    return BoundLayer(layer, (TensorType((height, width, channels), ElementType.BIT),), batch)


@pytest.mark.parametrize("variant", VARIANTS)
def test_terms_of_any_layer_are_named_and_not_negative(variant):
    for index, bound in enumerate(LAYERS[:70]):
        axes, threads = (("", 1), ("X", 2), ("Y", 2), ("XYZ", 8))[index % 4]
        configuration = Configuration(axes, threads, variant)
        for device in (CPU, GPU):
            names = names_of_terms(family_of(bound), device.backend)
            for terms, known in (
                (descriptors(bound, device, configuration), names),
                (descriptors(bound, device, configuration, Distances(1000.0)), names),
                (
                    weight_terms(bound, device, configuration),
                    names_of_weight_terms(device.backend),
                ),
                (
                    workspace_terms(bound, device, configuration),
                    names_of_workspace_terms(device.backend),
                ),
            ):
                assert terms
                assert not terms.keys() - known
                assert all(name and 0 <= value < 1e15 for name, value in terms.items())


def test_terms_of_families_are_not_those_of_others():
    assert "strips" in names_of_terms("float-conv", "cpu")
    assert "strips" not in names_of_terms("binary-conv", "cpu")
    assert "bytes read, past memory" not in names_of_terms("binary-conv", "cpu")
    assert "bits shifted into place" in descriptors(
        conv(channels=128, filters=48, groups=2, threshold=LIMITS_48), CPU, ONE
    )


def test_every_design_and_every_family_with_products_is_among_the_layers():
    families = {family_of(bound) for bound in LAYERS}
    assert len(families) >= len(DESIGNS) - 2
    assert {"binary-conv", "byte-conv", "number-conv", "float-conv", "float-depthwise"} <= families
    assert {"binary-dense", "float-dense", "number-dense", "binary-depthwise"} <= families


@given(
    st.integers(1, 6), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["XY", "YZ", "XYZ"])
)
def test_more_threads_never_leave_more_to_the_busiest(images, windows, neurons, axes):
    work = [
        share_of(Configuration(axes, threads), images, windows, neurons).work
        for threads in (1, 2, 4, 8)
    ]
    tolerated = [1 + 1 / 16] * 3
    assert work[0] == images * windows * neurons
    for before, after, slack in zip(work, work[1:], tolerated, strict=False):
        assert after <= before * slack
    for threads, mine in zip((1, 2, 4, 8), work, strict=True):
        assert mine * threads >= images * windows * neurons


def test_the_busiest_of_two_threads_has_the_larger_half():
    assert share_of(Configuration("Y", 2), 1, 7, 1).windows == 4
    assert share_of(Configuration("Z", 2), 1, 7, 3).neurons == 2
    assert share_of(Configuration("", 1), 3, 7, 3).work == 63


def test_images_are_shared_out_before_windows_and_windows_before_neurons():
    share = share_of(Configuration("XYZ", 2), 2, 2, 2)
    assert (share.images, share.windows, share.neurons) == (1, 2, 2)


GROWING = ("height", "width", "channels", "filters", "batch")


@given(
    st.sampled_from(GROWING),
    st.fixed_dictionaries(
        {
            "height": st.integers(4, 20),
            "width": st.integers(4, 20),
            "channels": st.integers(1, 200),
            "filters": st.integers(1, 200),
            "batch": st.integers(1, 3),
        }
    ),
    st.integers(1, 70),
)
def test_products_grow_with_every_extent(extent, sizes, more):
    small = descriptors(conv(**sizes), CPU, ONE)
    large = descriptors(conv(**{**sizes, extent: sizes[extent] + more}), CPU, ONE)
    for name in ("products, 512 at once", "tiles", "words of tiles", "words copied"):
        assert large[name] >= small[name]


def test_products_are_counted_in_vectors_with_their_rests():
    counted = descriptors(conv(channels=65, filters=33, kernel=1), CPU, ONE)
    # 64 pixels of 2 words, and a block of four eights and one of one.
    assert counted["products, 512 at once"] == 64 * 2 * 5
    # Rows of 8 outputs are two tiles of 4, of two blocks.
    assert counted["tiles"] == 8 * 2 * 2


def test_two_threads_have_half_the_rows_and_meet():
    one = descriptors(conv(), CPU, ONE)
    two = descriptors(conv(), CPU, Configuration("Y", 2, "avx512"))
    assert two["products, 512 at once"] * 2 == one["products, 512 at once"]
    assert two["meeting of threads"] == 1
    assert "meeting of threads" not in one


def test_fused_layers_are_terms_of_the_same_family():
    limits = Threshold(np.zeros(64, np.int32), np.zeros(64, np.bool_))
    plain, bits = conv(), conv(threshold=limits)
    pooled = conv(threshold=limits, pool=MaxPool2d(2, strides=2))
    assert {family_of(one) for one in (plain, bits, pooled)} == {"binary-conv"}
    assert "sums finished" in descriptors(plain, CPU, ONE)
    assert "bits finished" in descriptors(bits, CPU, ONE)
    assert descriptors(pooled, CPU, ONE)["pooled taps"] == 4 * 4 * 4


def test_depthwise_convolutions_are_families_of_their_own():
    assert family_of(conv(groups=64)) == "binary-depthwise"
    image = (TensorType((8, 8, 32), ElementType.FLOAT32),)
    weight = np.ones((32, 3, 3, 1), np.float32)
    assert family_of(BoundLayer(FloatConv2d(weight, groups=32), image)) == "float-depthwise"


def test_sizes_of_native_kernels_are_counted_as_they_are_packed():
    bound = conv(channels=65, filters=40)
    # 9 taps of 2 words, of a block of 32 filters and one that is as wide.
    assert weight_terms(bound, CPU, ONE)["packed words"] == 9 * 2 * 64
    assert weight_terms(bound, CPU, ONE)["limits"] == 9 * 64
    # 10 padded rows of 10 pixels.
    assert workspace_terms(bound, CPU, ONE)["bytes of rows copied"] == 10 * 10 * 2 * 8
    assert "packed words" not in weight_terms(bound, GPU, ONE)


def test_bytes_go_over_from_level_to_level():
    assert levels_of(1000, USUAL) == {"first cache": 1.0}
    assert levels_of(2**34, USUAL) == {"memory": 1.0}
    between = levels_of(32 << 10, USUAL)
    assert between == pytest.approx({"first cache": 0.5, "second cache": 0.5})


@given(st.floats(1, 1e12), st.sampled_from([1, 2, 4]))
def test_weights_come_from_where_all_that_a_program_touches_is_kept(touched, threads):
    layer = BinaryDense(np.ones((256, 640), np.int8))
    bound = BoundLayer(layer, (TensorType((640,), ElementType.BIT),))
    how = Configuration("Z" if threads > 1 else "", threads, "avx512")
    found = descriptors(bound, CPU, how, Distances(touched))
    first, second, eighth, half, last = (
        found.get(f"weights, past {level}", 0.0) for level in LEVELS[:-1]
    )
    # Whoever calls the program is in the first cache meanwhile.
    assert found["weights"] == first == pytest.approx(256 * 640 / 8 / threads)
    assert first >= second >= eighth >= half >= last
    mine = touched / threads
    assert (second == pytest.approx(first)) == (mine >= FAR * (1 << 20) * 0.999999)
    assert (second > 0) == (mine > NEAR * (1 << 20) * 1.000001)
    # The last cache is one for all threads.
    assert (last > 0) == (touched > NEAR * (32 << 20) * 1.000001)


@given(st.floats(0, 1e12), st.floats(1, 1e12), st.sampled_from([1, 2, 4, 16]), st.booleans())
def test_bytes_that_come_from_farther_away_are_a_part_of_those_before(moved, held, threads, again):
    memory = memory_of(CPU, Distances(held), threads)
    found = memory.again("b", moved, threads) if again else memory.traffic("b", moved, held)
    levels = [found.pop(f"b, past {level}", 0.0) for level in LEVELS[:-1]]
    assert found == {"b": moved}
    assert moved >= levels[0]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] >= 0


@given(st.integers(1, 16), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_threads_share_the_last_cache_and_no_other(threads, first, second, last):
    sizes = 1 << 10, (1 << 10) + (second << 10), (1 << 15) + (last << 16)
    one, many = shared_sizes(sizes), shared_sizes(sizes, threads)
    assert many[:2] == one[:2] == sizes[:2]
    assert one[-1] == sizes[2]
    for alone, shared in zip(one[2:], many[2:], strict=True):
        assert max(alone // threads, sizes[1]) - 1 <= shared <= alone
    assert list(many) == sorted(many)


@pytest.mark.parametrize("variant", VARIANTS[:3])
def test_stores_across_lines_and_in_pieces_are_of_numbers_alone(variant):
    seen = set()
    for bound in LAYERS:
        target = bound.outputs[0]
        terms = descriptors(bound, CPU, Configuration("", 1, variant))
        stored = {
            what for what in ("across lines", "in pieces") if f"bytes written {what}" in terms
        }
        if target.element is ElementType.BIT:
            assert not stored
        pixel = target.channels * target.element.dtype.itemsize
        assert ("across lines" not in stored) or pixel % 64
        seen |= {(family_of(bound), what) for what in stored}
    for family in ("binary-conv", "float-conv"):
        assert {(family, "across lines"), (family, "in pieces")} <= seen


@given(
    st.integers(2, 300),
    st.sampled_from([2, 3, 4, 8]),
    st.sampled_from(["avx512", "avx2"]),
    st.booleans(),
)
def test_of_a_depthwise_layer_the_busiest_thread_has_its_share(channels, threads, variant, is_bit):
    weight = np.ones((channels, 3, 3, 1), np.int8 if is_bit else np.float32)
    make, element = (
        (BinaryConv2d, ElementType.BIT) if is_bit else (FloatConv2d, ElementType.FLOAT32)
    )
    bound = BoundLayer(
        make(weight, pads=1, groups=channels), (TensorType((6, 9, channels), element),)
    )
    whole = descriptors(bound, CPU, Configuration("", 1, variant))
    mine = descriptors(bound, CPU, Configuration("Z", threads, variant))
    blocks = "words of pixels" if is_bit else "rows of blocks"
    assert mine[blocks] * threads >= whole[blocks]
    for name in whole.keys() & mine.keys():
        assert mine[name] <= whole[name] * (1 + 1e-9)
    assert mine[blocks] < whole[blocks] or channels <= (64 if is_bit else 16)


def test_caches_are_as_large_as_a_device_says():
    level = Ceiling(Work.BYTES_READ, "L2", 1, 1e9, capacity=1 << 18)
    told = attrs.evolve(CPU, ceilings=[level])
    # It tells of no third one.
    assert memory_of(told, Distances(), 1).sizes == (32 << 10, *[1 << 18] * 4)
    # An eighth, half and all of the last cache, which others use too.
    assert memory_of(CPU, Distances(), 1).sizes == (32 << 10, *(n << 20 for n in (1, 4, 16, 32)))
    assert memory_of(CPU, Distances(), 4).sizes == (32 << 10, *(n << 20 for n in (1, 1, 4, 8)))
    layer = BinaryDense(np.ones((256, 640), np.int8))
    bound = BoundLayer(layer, (TensorType((640,), ElementType.BIT),))
    assert "weights, past second cache" in descriptors(bound, told, ONE, Distances(1 << 18))
    assert "weights, past second cache" not in descriptors(bound, CPU, ONE, Distances(1 << 18))


def test_what_a_network_touches_are_its_weights_and_activations_that_are_alive():
    image, weight = TensorType((4, 4, 64), ElementType.BIT), np.ones((64, 1, 1, 64), np.int8)
    names = ["in", "one", "two", "three"]
    nodes = [
        Node(f"node {after}", BinaryConv2d(weight, threshold=FLIPPED), [before], [after])
        for before, after in itertools.pairwise(names)
    ]
    network = Network("three", {"in": image}, nodes, ["three"])
    weights = 3 * nodes[0].layer.weight_bits() // 8
    # The input stays; of the others, one is read while the next is written.
    assert touched_bytes(network, 1) == weights + 3 * 4 * 4 * 8
    assert touched_bytes(network, 5) == weights + 5 * 3 * 4 * 4 * 8


def test_what_lies_between_two_uses_of_a_tensor_is_told():
    image, bits = TensorType((4, 4, 64), ElementType.INT32), TensorType((4, 4, 64), ElementType.BIT)
    weight = np.ones((64, 1, 1, 64), np.int8)
    nodes = [
        Node("first", BinaryConv2d(weight), ["in"], ["a"]),
        Node("cut", FLIPPED, ["a"], ["b"]),
        Node("second", BinaryConv2d(weight), ["b"], ["c"]),
        Node("sum", Add(), ["c", "a"], ["d"]),
    ]
    found = reuse_distances(Network("shortcut", {"in": bits}, nodes, ["d"]), 1)
    numbers, packed, weights = image.nbytes(1), bits.nbytes(1), nodes[0].layer.weight_bits() // 8
    # The input and what is written last were used a run ago: weights, the input, three images.
    again = packed + 3 * numbers + sum(node.layer.weight_bits() // 8 for node in nodes)
    assert found["first"] == Distances(again, (again,), packed + numbers)
    assert found["cut"] == Distances(again, (packed + numbers,), packed + numbers)
    # Between the two uses of "a" lie a convolution's weights, what it read and what it wrote.
    since = packed + numbers + weights + 3 * numbers
    assert found["sum"] == Distances(again, (3 * numbers, min(again, since)), again)


def shortcut_over(count, size):
    """So many convolutions one after the other, whose last result is added to the first one's."""
    bits = conv(size, size, kernel=1, threshold=FLIPPED).layer
    nodes = [Node("first", conv(size, size).layer, ["in"], ["sums"])]
    nodes.append(Node("cut", FLIPPED, ["sums"], ["0"]))
    nodes += [Node(f"conv {n}", bits, [f"{n}"], [f"{n + 1}"]) for n in range(count)]
    nodes.append(Node("back", conv(size, size).layer, [f"{count}"], ["again"]))
    nodes.append(Node("add", Add(), ["again", "sums"], ["out"]))
    image = TensorType((size, size, 64), ElementType.BIT)
    return Network("shortcut", {"in": image}, nodes, ["out"])


@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 3))
def test_distances_grow_with_what_lies_between_and_never_beyond_a_run(most, size, batch):
    back = []
    for count in range(most):
        network = shortcut_over(count, size)
        found = reuse_distances(network, batch)
        for node in network.nodes:
            mine = found[node.name]
            assert mine.again == touched_bytes(network, batch)
            assert 0 < mine.output <= mine.again
            for distance, tensor in zip(mine.inputs, node.inputs, strict=True):
                assert network.types[tensor].nbytes(batch) <= distance <= mine.again
        recent, shortcut = found["add"].inputs
        # What was just written is no farther away than what was written before.
        assert recent <= shortcut
        back.append(shortcut)
    assert back == sorted(back)
    assert most < 3 or back[0] < back[-1]


def test_inputs_that_nothing_is_told_of_were_used_a_run_ago():
    assert Distances(7.0, (3.0,)).input(0) == 3.0
    assert Distances(7.0, (3.0,)).input(1) == 7.0


def test_a_layer_that_nothing_is_known_of_is_a_family_by_its_kind():
    image = (TensorType((8, 8, 32), ElementType.FLOAT32),)
    assert family_of(BoundLayer(Clip(), image)) == "clip"


def test_bytes_of_few_channels_are_looked_up_and_others_multiplied():
    def first(channels, variant):
        layer = BinaryWeightConv2d(np.ones((32, 3, 3, channels), np.int8))
        bound = BoundLayer(layer, (TensorType((9, 9, channels), ElementType.UINT8),))
        return set(descriptors(bound, CPU, Configuration("", 1, variant)))

    assert "triples looked up" in first(3, "avx512")
    assert "products of uint8" not in first(3, "avx512")
    assert "triples looked up" not in first(4, "avx512")
    assert "triples looked up" in first(4, "avx2")
    assert "triples looked up" not in first(3, "portable")


def test_products_that_are_looked_up_are_pairs_of_outputs_by_nibbles():
    looked_up = Configuration("", 1, "avx2-lookup")
    found = descriptors(conv(channels=64, filters=64, kernel=1), CPU, looked_up)
    # 8 rows of 4 pairs, 2 blocks of 32 filters, 16 nibbles that fill 3 steps of 6.
    assert found["nibbles looked up"] == 8 * 4 * 2 * 18
    assert "products, 512 at once" not in found
    assert "nibbles looked up" not in descriptors(conv(), CPU, ONE)


def test_one_vector_reads_every_weight_once():
    layer = BinaryDense(np.ones((128, 640), np.int8))
    one = descriptors(BoundLayer(layer, (TensorType((640,), ElementType.BIT),)), CPU, ONE)
    assert one["steps of one vector"] == 10 * 128 / 8
    assert one["weights"] == one["weights, past last cache"] == 128 * 640 / 8


@given(st.integers(0, 60), st.integers(1, 12))
def test_tiles_hold_all_windows_and_none_is_narrow_without_need(windows, most):
    sizes = list(tiles(windows, most))
    assert sum(sizes) == windows
    assert all(1 <= size <= most for size in sizes)
    if windows >= most:
        assert min(sizes, default=most) >= most // 2


@given(st.integers(1, 700), st.integers(1, 40), st.sampled_from(["", "Y", "Z"]))
def test_blocks_hold_all_filters(filters, row, axes):
    blocks = blocks_of(filters, row, Configuration(axes, 4 if axes else 1, "avx2"))
    vectors = sum(size * count for size, count in blocks.sizes)
    assert vectors == -(-filters // 8)
    assert 1 <= blocks.last_vectors <= blocks.vectors <= 8


def test_products_of_a_float_convolution_are_those_inside_its_input():
    image = (TensorType((5, 6, 4), ElementType.FLOAT32),)
    layer = FloatConv2d(np.ones((16, 3, 3, 4), np.float32), pads=1)
    bound = BoundLayer(layer, image)
    # Every tap inside the input, of one vector of filters.
    inside = sum(taps_inside(bound, 0)) * sum(taps_inside(bound, 1)) * 4
    assert descriptors(bound, CPU, ONE)["products"] == inside
    assert product_size(bound) == (5, 6)
    assert (border_classes(bound, 0), border_classes(bound, 1)) == (3, 3)


def test_a_float_dense_layer_shares_its_images_out():
    bound = BoundLayer(
        FloatDense(np.ones((64, 32), np.float32)), (TensorType((32,), ElementType.FLOAT32),), 4
    )
    whole = descriptors(bound, CPU, ONE)["products"]
    assert descriptors(bound, CPU, Configuration("X", 2, "avx512"))["products"] == whole / 2
