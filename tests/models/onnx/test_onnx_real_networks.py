"""Trained networks of others: every binary layer is recognised, predictions are the same."""

import gzip
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from attrs import frozen

from bnnplan.backends.reference import evaluate
from bnnplan.models.lowering import lower
from bnnplan.models.normalization import parse_normalization
from bnnplan.models.onnx import import_onnx

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
FIRST, MORE = 100, 1000


def idx_images(path: Path) -> np.ndarray:
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    pixels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return pixels.reshape(-1, 28, 28, 1)


def mnist() -> np.ndarray:
    return idx_images(DATA / "datasets/mnist/t10k-images-idx3-ubyte.gz")


def fashion() -> np.ndarray:
    return idx_images(FASHION)


def cifar() -> np.ndarray:
    return np.load(DATA / "datasets/cifar10/cifar10_test_first1000_lossless.npz")["images"]


def synthetic() -> np.ndarray:
    """The four images of which the reference logits are kept."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 224, 224))
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).astype(np.uint8)


@frozen
class Trained:
    """A file, what turns pixels into its input, and what it must become."""

    file: str
    normalization: str
    images: object
    reference: str | None
    shape: tuple[int, ...]
    binary: int
    binary_weight: int
    floating: int


MEAN = "mean=123.68:116.779:103.939"
PIXELS, COLOURS = (28, 28, 1), (32, 32, 3)
NETWORKS = [
    Trained("hep-bnn/model_fashion.onnx", "scale=255", fashion, "hepbnn_model_fashion",
            PIXELS, 3, 1, 0),
    Trained("hep-bnn/cnntest_fashion.onnx", "scale=255", fashion, "hepbnn_cnntest_fashion",
            PIXELS, 3, 1, 0),
    Trained("qonnx/TFC_1W1A.onnx", "scale=1/255", mnist, None, PIXELS, 4, 0, 0),
    Trained("finn-pynq/cnv_cifar10.onnx.gz", "scale=1", cifar,
            "bnnpynq_cnv_cifar10_lossless1000", COLOURS, 8, 1, 0),
    Trained("finn-pynq/lfc_mnist.onnx.gz", "scale=1", mnist, "bnnpynq_lfc_mnist",
            PIXELS, 4, 0, 0),
    Trained("bmxnet/cifar10_resnet18.onnx.gz", MEAN, cifar,
            "bmxnet_resnet18_cifar10_meansub_lossless1000", COLOURS, 20, 0, 2),
    Trained("bmxnet/imagenet_resnet18.onnx.gz", MEAN, synthetic,
            "bmxnet_resnet18_imagenet_synthetic4", (224, 224, 3), 20, 0, 2),
    Trained("larq/larq_fmnist.onnx", "scale=1/127.5,mean=127.5", fashion, "larq_fmnist",
            PIXELS, 4, 1, 0),
]  # fmt: skip
NAMES = [Path(trained.file).name for trained in NETWORKS]
PREDICTED = [trained for trained in NETWORKS if trained.images in (fashion, mnist, cifar)]
PREDICTED = [trained for trained in PREDICTED if trained.reference]


def imported(trained):
    path = DATA / "models" / trained.file
    if not path.exists():
        pytest.skip(f"{path} is not there; set BNNPLAN_DATA")
    return import_onnx(path, normalization=parse_normalization(trained.normalization))


def outputs(network, images):
    ((name, _),) = network.inputs.items()
    return evaluate(network, {name: images})[network.outputs[0]]


def reference(trained):
    return np.load(DATA / "models/reference" / f"{trained.reference}.npz")


@pytest.mark.parametrize("trained", NETWORKS, ids=NAMES)
def test_every_binary_layer_is_recognised(trained):
    made = imported(trained)
    report = made.report
    counts = len(report.binary), len(report.binary_weight), len(report.floating)
    assert counts == (trained.binary, trained.binary_weight, trained.floating)
    ((_, type),) = made.network.inputs.items()
    assert (type.shape, type.element) == (trained.shape, "uint8")
    assert not {"Transpose", "Reshape"} & {node.layer.kind for node in made.network.nodes}


def agreement(trained, count):
    images = trained.images()[:count]
    network = lower(imported(trained).network)
    predictions = outputs(network, images).argmax(axis=1)
    return (predictions == reference(trained)["pred"][:count]).mean()


@pytest.mark.parametrize("trained", PREDICTED, ids=lambda trained: Path(trained.file).name)
def test_predictions_of_the_first_images(trained):
    count = FIRST if trained.shape == PIXELS else FIRST // 10
    assert agreement(trained, count) == 1


@pytest.mark.slow
@pytest.mark.parametrize("trained", PREDICTED, ids=lambda trained: Path(trained.file).name)
def test_predictions_of_many_images(trained):
    count = MORE if trained.shape == PIXELS else MORE // 4
    assert agreement(trained, count) >= 0.999


@pytest.mark.parametrize("trained", PREDICTED, ids=lambda trained: Path(trained.file).name)
def test_logits_of_the_first_images(trained):
    """Equal but for images in which the sign of a float sum is a matter of rounding."""
    count = 5
    logits = reference(trained)["logits"][:count]
    got = outputs(imported(trained).network, trained.images()[:count])
    close = np.isclose(got, logits, rtol=1e-4, atol=1e-4).all(axis=1)
    assert close.sum() >= count - 1


def test_imagenet_logits():
    trained = NETWORKS[NAMES.index("imagenet_resnet18.onnx.gz")]
    got = outputs(imported(trained).network, synthetic()[:1])
    logits = reference(trained)["logits"][:1]
    assert np.abs(got - logits).max() <= 1e-3 * np.abs(logits).max()


@pytest.mark.slow
def test_imagenet_logits_of_all_images():
    trained = NETWORKS[NAMES.index("imagenet_resnet18.onnx.gz")]
    got = outputs(imported(trained).network, synthetic())
    logits = reference(trained)["logits"]
    assert np.abs(got - logits).max() <= 1e-3 * np.abs(logits).max()


def test_tfc_has_the_accuracy_that_is_stated_for_it():
    trained = NETWORKS[NAMES.index("TFC_1W1A.onnx")]
    path = DATA / "datasets/mnist/t10k-labels-idx1-ubyte.gz"
    network = imported(trained).network
    labels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=8)
    assert (outputs(network, mnist()).argmax(axis=1) == labels).mean() == 0.9296


def test_first_layers_work_on_pixels():
    layers = {}
    for trained in NETWORKS:
        network = imported(trained).network
        first = network.nodes[0]
        layers[Path(trained.file).name] = first.layer.kind
    assert Counter(layers.values()) == Counter(
        {"BinaryWeightConv2d": 3, "Threshold": 2, "ScaleBias": 3}
    )
    assert layers["larq_fmnist.onnx"] == layers["model_fashion.onnx"] == "BinaryWeightConv2d"
    assert layers["lfc_mnist.onnx.gz"] == layers["TFC_1W1A.onnx"] == "Threshold"


def test_tensorflow_sign_needs_no_assumption():
    report = imported(NETWORKS[NAMES.index("larq_fmnist.onnx")]).report
    assert report.assumptions == ()
