"""Frames from every source: the same images, in order, with the number of what does not fit."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import chain
from PIL import Image

from bnnplan.models.errors import BnnplanError, InputError
from bnnplan.models.graph import Network
from bnnplan.models.tensors import TensorType
from bnnplan.planner.frames.byte_stream import stream_frames
from bnnplan.planner.frames.sources import open_source, random_frames, standard_input
from bnnplan.planner.profiling.oracle import random_feeds

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


def network_of(shape, element):
    """A network without layers: its input is its output."""
    return Network("wire", {"x": TensorType(shape, element)}, [], ["x"])


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as pipes do."""

    def __init__(self, data, most):
        self.data, self.most = io.BytesIO(data), most

    def read(self, count=-1):
        return self.data.read(min(count, self.most))


def npy(*arrays):
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array)
    return stream.getvalue()


def refused(frames, *words):
    """The frames before a fault; its message is one line with these words."""
    before = []
    with pytest.raises(BnnplanError) as caught:
        before.extend(frames)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return before


def test_all_files_give_the_same_frames(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    np.savez(tmp_path / "a.npz", images=PIXELS)
    np.save(tmp_path / "turned.npy", np.asfortranarray(PIXELS))
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(PIXELS):
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "labels.txt").write_text("0 1 2")
    (folder / "more.png").mkdir()
    for name in ("a.npy", "a.npz", "turned.npy", "photos"):
        source = open_source(chain(), str(tmp_path / name))
        assert (source.count, source.once, source.endless) == (5, False, False)
        for _ in range(2):
            np.testing.assert_array_equal(np.stack([*source]), PIXELS)


def test_one_image_is_one_frame(tmp_path):
    np.save(tmp_path / "one.npy", PIXELS[3])
    Image.fromarray(PIXELS[3, ..., 0]).save(tmp_path / "one.png")
    for name in ("one.npy", "one.png"):
        source = open_source(chain(), str(tmp_path / name))
        (frame,) = source
        assert source.count == 1
        np.testing.assert_array_equal(frame, PIXELS[3])


def test_a_npy_stays_in_its_file(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    frame = next(iter(open_source(chain(), str(tmp_path / "a.npy"))))
    changed = 255 - PIXELS
    np.save(tmp_path / "b.npy", changed)
    # The same file, rewritten in place: what is not read yet shows it.
    (tmp_path / "a.npy").write_bytes((tmp_path / "b.npy").read_bytes())
    np.testing.assert_array_equal(frame, changed[0])


def test_several_inputs_are_frames_by_name(tmp_path):
    several = Network(
        "two", {"a": TensorType((2,), "int32"), "b": TensorType((3,), "int32")}, [], ["a", "b"]
    )
    arrays = {"a": np.arange(8, dtype=np.int32).reshape(4, 2), "b": np.ones((4, 3), np.int32)}
    np.savez(tmp_path / "a.npz", **arrays)
    frames = [*open_source(several, str(tmp_path / "a.npz"))]
    assert [frame["a"].tolist() for frame in frames] == arrays["a"].tolist()
    assert all(frame["b"].shape == (3,) for frame in frames)
    for text in (str(tmp_path), "-"):
        with pytest.raises(InputError, match=r"has inputs a, b; give a \.npz"):
            next(iter(open_source(several, text, stdin=io.BytesIO(b"x" * 20))))
    assert {key: a.shape for key, a in next(iter(random_frames(several))).items()} == {
        "a": (2,),
        "b": (3,),
    }


def test_random_frames_are_those_of_a_run_with_the_seed():
    network = chain()
    first = [*itertools.islice(random_frames(network, 3), 40)]
    again = [*itertools.islice(random_frames(network, 3), 40)]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[:16], random_feeds(network, 16, 3)["pixels"])
    assert not np.array_equal(first[:16], first[16:32])
    assert random_frames(network).endless


SIZES = st.integers(1, 4)
SHAPES = st.tuples(SIZES) | st.tuples(SIZES, SIZES, SIZES)


@given(
    shape=SHAPES,
    element=st.sampled_from(["uint8", "int32", "float32", "bit"]),
    count=st.integers(1, 5),
    most=st.integers(1, 9),
    cuts=st.sets(st.integers(1, 4)),
    fortran=st.booleans(),
)
def test_a_stream_gives_back_what_was_written(shape, element, count, most, cuts, fortran):
    network = network_of(shape, element)
    images = random_feeds(network, count, 0)["x"]
    parts = np.split(images, sorted(cut for cut in cuts if cut < count))
    if fortran:
        parts = [np.asfortranarray(part) for part in parts]
    for data in (images.tobytes(), npy(*parts)):
        got = np.stack([*stream_frames(network, Trickle(data, most), "stream")])
        np.testing.assert_array_equal(got, images)
        assert got.dtype == images.dtype


@given(kept=st.integers(1, 3 * 64 - 1))
def test_a_cut_stream_names_the_frame(kept):
    data = PIXELS[:3].tobytes()[:kept]
    whole, rest = divmod(kept, 64)
    frames = stream_frames(chain(), io.BytesIO(data), "stream")
    if rest == 0:
        assert len([*frames]) == whole
        return
    words = f"stream: frame {whole}: cut off after {rest} of 64 bytes"
    assert len(refused(frames, words)) == whole


def test_a_cut_record_names_the_frame():
    data = npy(PIXELS[:2], PIXELS[2:])
    assert len(refused(stream_frames(chain(), io.BytesIO(data[:-1]), "s"), "frame 4: cut off")) == 4
    head = data[: 128 + 2 * 64 + 20]
    assert len(refused(stream_frames(chain(), io.BytesIO(head), "s"), "frame 2: not a .npy")) == 2


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (npy(PIXELS[:1, :7]), "must have shape (batch, 8, 8, 1), not (1, 7, 8, 1)"),
        (npy(PIXELS[:1].astype(np.float32)), "must be of type uint8, not float32"),
        (npy(PIXELS[:0]), "holds no images"),
        (b"neither this nor that", "not a .npy record"),
        (npy(PIXELS[:1]).replace(b"|u1", b"|O8"), "frame 2: "),
        (npy(PIXELS[:1]).replace(b"(1, 8", b"(-1, 8"), "negative"),
        (
            npy(PIXELS[:1]).replace(b"(1, 8", b"(%d, 8" % 10**14).replace(b"False", b"True"),
            "cut off after ",
        ),
        (npy(PIXELS[:1]).replace(b"NUMPY\x01", b"NUMPY\x07"), "version"),
    ],
)
def test_what_does_not_fit_in_the_middle_of_a_stream(record, words):
    stream = io.BytesIO(npy(PIXELS[:2]) + record)
    assert len(refused(stream_frames(chain(), stream, "stream"), "stream: frame 2: ", words)) == 2


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"PK\x03\x04", "a .npz file"),
    ],
)
def test_a_file_that_is_no_frames_is_an_error(start, what):
    with pytest.raises(InputError, match=f"standard input: is {what}"):
        [*standard_input(chain(), io.BytesIO(start + bytes(64)))]


def test_an_empty_stream_is_an_error():
    with pytest.raises(InputError, match="standard input: holds no frames"):
        [*standard_input(chain(), io.BytesIO())]


def test_a_terminal_is_no_source(monkeypatch):
    class Terminal(io.BytesIO):
        def isatty(self):
            return True

    for closed in (Terminal(), None):
        monkeypatch.setattr("sys.stdin", closed)
        with pytest.raises(InputError, match="pipe frames into it"):
            standard_input(chain())


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_values_that_are_no_numbers_name_the_frame(tmp_path, odd):
    images = np.zeros((3, 4), np.float32)
    images[2, 1] = odd
    network = network_of((4,), "float32")
    np.save(tmp_path / "a.npy", images)
    for source in (
        open_source(network, str(tmp_path / "a.npy")),
        standard_input(network, io.BytesIO(images.tobytes())),
    ):
        assert len(refused(source, f"{source.name}: frame 2: ", "NaN or infinity")) == 2


def test_bits_that_are_no_signs_name_the_frame():
    data = np.array([[1, -1], [1, 0]], np.int8).tobytes()
    source = standard_input(network_of((2,), "bit"), io.BytesIO(data))
    assert len(refused(source, "standard input: frame 1: ", "+1 or -1")) == 1


def test_a_file_of_another_shape_is_refused_before_it_is_read(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS[:, :7])
    with pytest.raises(InputError, match=r"a\.npy: .*must have shape \(batch, 8, 8, 1\)"):
        open_source(chain(), str(tmp_path / "a.npy"))


def test_a_broken_image_names_file_and_frame(tmp_path):
    Image.fromarray(PIXELS[0, ..., 0]).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n123")
    assert len(refused(open_source(chain(), str(tmp_path)), "frame 1: ", "b.png")) == 1


def test_folders_without_images(tmp_path):
    with pytest.raises(InputError, match="holds no image files"):
        open_source(chain(), str(tmp_path))
    with pytest.raises(BnnplanError, match="cannot be read: No such file"):
        open_source(chain(), str(tmp_path / "gone"))


def test_squeezed_images_of_a_folder_are_told_once(tmp_path):
    for name in "abc":
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / f"{name}.png")
    told = []
    source = open_source(chain(), str(tmp_path), tell=told.append)
    assert len([*source, *source]) == 6
    (line,) = told
    assert "a.png: squeezed from 30×20 to 8×8" in line
