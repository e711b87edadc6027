"""Networks that others trained, on real images: accuracy, predictions and plans.

The files are not part of the project; see the data folder's own README for their sources.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
FASHION = Path("/usr/share/datasets/fashion-mnist")
CIFAR = DATA / "datasets" / "cifar10" / "cifar10_test_first1000_lossless.npz"
MNIST = DATA / "datasets" / "mnist"
BMXNET_MEAN = "mean=123.68:116.779:103.939"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason=f"no networks in {DATA}; set BNNPLAN_DATA"),
]

# file, normalization, images, accuracy, reference predictions, binary layers
NETWORKS = [
    ("hep-bnn/model_fashion.onnx", "scale=255", FASHION, 0.7724, "hepbnn_model_fashion", 3),
    ("hep-bnn/cnntest_fashion.onnx", "scale=255", FASHION, 0.7724, "hepbnn_cnntest_fashion", 3),
    ("qonnx/TFC_1W1A.onnx", "scale=1/255", MNIST, 0.9296, None, 4),
    (
        "finn-pynq/cnv_cifar10.onnx.gz",
        "scale=1",
        CIFAR,
        0.805,
        "bnnpynq_cnv_cifar10_lossless1000",
        8,
    ),
    ("finn-pynq/lfc_mnist.onnx.gz", "scale=1", MNIST, 0.9834, "bnnpynq_lfc_mnist", 4),
    (
        "bmxnet/cifar10_resnet18.onnx.gz",
        BMXNET_MEAN,
        CIFAR,
        0.851,
        "bmxnet_resnet18_cifar10_meansub_lossless1000",
        20,
    ),
    ("larq/larq_fmnist.onnx", "scale=1/127.5,mean=127.5", FASHION, 0.8487, "larq_fmnist", 4),
]
IMAGENET = ("bmxnet/imagenet_resnet18.onnx.gz", BMXNET_MEAN)


def bnnplan(*arguments, cache):
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from bnnplan.planner.cli import main; main()",
            *map(str, arguments),
        ],
        env={**os.environ, "BNNPLAN_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("file", "normalize", "images", "accuracy", "reference", "binary"), NETWORKS
)
def test_import_and_accuracy(file, normalize, images, accuracy, reference, binary, cache, tmp_path):
    if not images.exists():
        pytest.skip(f"no images in {images}")
    net = tmp_path / "net.bnn"
    imported = bnnplan(
        "import", DATA / "models" / file, "-o", net, "--normalize", normalize, "--json", cache=cache
    )
    assert len(imported["binary"]) == binary
    predictions = tmp_path / "predictions.npz"
    found = bnnplan(
        *("evaluate", net, "--data", images, "--predictions", predictions),
        *("--devices", "cpu0", "--json"),
        cache=cache,
    )
    assert found["accuracy"] == pytest.approx(accuracy, abs=0.0006)
    if reference is None:
        return
    wanted = np.load(DATA / "models" / "reference" / f"{reference}.npz")
    agreeing = (np.load(predictions)["pred"] == wanted["pred"].ravel()).mean()
    assert agreeing >= 0.999


def test_imagenet_logits(cache, tmp_path):
    net, plan = tmp_path / "net.bnn", tmp_path / "plan.json"
    file, normalize = IMAGENET
    bnnplan(
        "import", DATA / "models" / file, "-o", net, "--normalize", normalize, "--json", cache=cache
    )
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 224, 224)).transpose(0, 2, 3, 1)
    np.save(tmp_path / "images.npy", images.astype(np.uint8))
    bnnplan("solve", net, "--devices", "cpu0", "-o", plan, "--budget", 20, "--json", cache=cache)
    ran = bnnplan("run", plan, "--input", tmp_path / "images.npy", "--json", cache=cache)
    (got,) = ran["outputs"].values()
    with np.load(DATA / "models" / "reference" / "bmxnet_resnet18_imagenet_synthetic4.npz") as file:
        wanted = file["logits"]
    assert np.abs(np.array(got) - wanted).max() <= 1e-3 * np.abs(wanted).max()


def test_default_network_on_the_real_test_images(cache):
    if not FASHION.exists():
        pytest.skip(f"no images in {FASHION}; install Debian's dataset-fashion-mnist")
    found = bnnplan("evaluate", "--data", FASHION, "--devices", "cpu0", "--json", cache=cache)
    assert found["images"] == 10_000
    assert found["accuracy"] >= 0.87


@pytest.mark.parametrize(
    ("file", "normalize"), [(network[0], network[1]) for network in NETWORKS] + [IMAGENET]
)
def test_plan_on_two_devices_is_optimal_and_not_slower_than_one(file, normalize, cache, tmp_path):
    net = tmp_path / "net.bnn"
    bnnplan(
        "import", DATA / "models" / file, "-o", net, "--normalize", normalize, "--json", cache=cache
    )
    devices = bnnplan("devices", "--json", cache=cache)
    names = [device["name"] for device in devices["board"]["devices"]]
    if "opencl0" not in names:
        pytest.skip("no OpenCL device")
    plan = bnnplan("solve", net, "--devices", "cpu0,opencl0", "--budget", 30, "--json", cache=cache)
    single = next(b for b in plan["baselines"] if b["name"] == "best single device")
    if plan["proof"]["method"] == "best single device":
        assert "delivered instead" in plan["verdict"]
    else:
        assert plan["proof"]["status"] == "optimal"
        (proven,) = plan["proof"]["objectives"]
        assert proven["bound"] == proven["value"] <= single["predicted"]["latency_ns"]
