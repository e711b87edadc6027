import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from bnnplan.models.datasets import load_dataset
from bnnplan.models.errors import FileError, InputError

IMAGES = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def idx(array):
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, 8, array.ndim)) + shape + array.tobytes()


@pytest.fixture(params=["", ".gz"])
def folder(request, tmp_path):
    pack = gzip.compress if request.param else bytes
    for split in ("t10k", "train"):
        take = slice(None) if split == "t10k" else slice(2)
        images, labels = idx(IMAGES[take]), idx(LABELS[take])
        (tmp_path / f"{split}-images-idx3-ubyte{request.param}").write_bytes(pack(images))
        (tmp_path / f"{split}-labels-idx1-ubyte{request.param}").write_bytes(pack(labels))
    return tmp_path


def test_idx_folders(folder):
    dataset = load_dataset(folder)
    np.testing.assert_array_equal(dataset.images, IMAGES[..., np.newaxis])
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint8, np.int64)
    assert len(load_dataset(folder, split="train").images) == 2
    assert load_dataset(folder, limit=3).images.shape == (3, 3, 4, 1)
    assert load_dataset(folder, limit=3).labels.shape == (3,)


def test_npz(tmp_path):
    coloured = np.zeros((2, 3, 4, 3), np.uint8)
    np.savez(tmp_path / "set.npz", images=coloured, labels=np.array([1, 2]))
    dataset = load_dataset(tmp_path / "set.npz")
    assert dataset.images.shape == (2, 3, 4, 3)
    assert dataset.labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an idx file"),
        (b"\x1f\x8b....", "not an idx file"),
        (idx(LABELS), "has 1 axes, not 3 or 4"),
        (idx(IMAGES)[:-1], "says 60 bytes of data, but there are only 59"),
        (idx(IMAGES) + b"x", "there are more"),
        (idx(IMAGES)[:10], "truncated or hostile header"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12, "truncated or hostile header"),
        (idx(IMAGES[:4]), "labels must be 4 whole numbers"),
        (idx(IMAGES[:0]), "labels must be 0 whole numbers"),
    ],
)
def test_bad_idx_files(tmp_path, data, message):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(data)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS))
    with pytest.raises(FileError, match=r"^[^\n]*$") as caught:
        load_dataset(tmp_path)
    assert message in str(caught.value)


def test_truncated_gzip(tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES))[:-12])
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS))
    with pytest.raises(FileError, match="cannot be read"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, "must hold the arrays images and labels"),
        ({"images": IMAGES.astype(float), "labels": LABELS}, "must be uint8"),
        ({"images": IMAGES[0], "labels": LABELS}, "must be uint8 of shape"),
        ({"images": IMAGES, "labels": LABELS.astype(float)}, "whole numbers"),
        ({"images": IMAGES, "labels": LABELS[1:]}, "labels must be 5 whole numbers"),
        ({"images": np.array([{}]), "labels": LABELS}, "not a whole .npz file"),
    ],
)
def test_bad_npz_files(tmp_path, arrays, message):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path / "set.npz")
    assert message in str(caught.value)


def test_cut_and_foreign_files(tmp_path):
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=LABELS)
    whole = (tmp_path / "set.npz").read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"hello"):
        (tmp_path / "set.npz").write_bytes(data)
        with pytest.raises(FileError, match=r"not a whole \.npz file"):
            load_dataset(tmp_path / "set.npz")
    with pytest.raises(FileError, match="neither a folder nor a file"):
        load_dataset(tmp_path / "missing")
    with pytest.raises(FileError, match="no test images"):
        load_dataset(tmp_path)


def test_wrong_wishes(tmp_path):
    with pytest.raises(InputError, match="known: test, train"):
        load_dataset(tmp_path, split="validation")
    with pytest.raises(InputError, match="at least 1"):
        load_dataset(tmp_path, limit=0)


def test_real_mnist():
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    place = Path(os.environ.get("BNNPLAN_DATA", beside)) / "datasets" / "mnist"
    if not place.is_dir():
        pytest.skip("set BNNPLAN_DATA to a folder with datasets/mnist")
    dataset = load_dataset(place)
    assert dataset.images.shape == (10_000, 28, 28, 1)
    assert dataset.labels[:5].tolist() == [7, 2, 1, 0, 4]
