"""Networks without branches: HEP-BNN's two, and BTC-BNN's MLP, VGGs and AlexNet.

Shapes after HEP-BNN (arXiv 2301.05126) and BTC-BNN (arXiv 2006.16578, code pnnl/TCBNN). All take
plain pixels; binary convolutions are padded with 0 and 0 becomes +1.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.models.graph import Network
from bnnplan.models.zoo.building import Builder, Weights
from bnnplan.models.zoo.classes import CIFAR10, DIGITS, FASHION

Stage = tuple[int, int, int, bool]
"""Filters, kernel, stride, and whether a 2×2 maximum pooling follows."""


def hep_fashion(seed: int = 0, weights: Weights | None = None) -> Network:
    """HEP-BNN for Fashion-MNIST: 64C3-MP-64C3-MP-64-10."""
    stages = [(64, 3, 1, True), (64, 3, 1, True)]
    builder = Builder("hep-fashion", (28, 28, 1), seed, weights)
    return _convolutional(builder, stages, [64], 10, FASHION)


def hep_cifar(seed: int = 0, weights: Weights | None = None) -> Network:
    """HEP-BNN for CIFAR-10: 2×128C3-MP-2×256C3-MP-2×512C3-MP-1024-10."""
    builder = Builder("hep-cifar", (32, 32, 3), seed, weights)
    return _convolutional(builder, _pairs(128, 256, 512), [1024], 10, CIFAR10)


def btc_vgg_cifar(seed: int = 0, weights: Weights | None = None) -> Network:
    """BTC-BNN's VGG for CIFAR-10: 2×128C3-MP-2×256C3-MP-2×512C3-MP-1024-1024-10."""
    builder = Builder("btc-vgg-cifar", (32, 32, 3), seed, weights)
    return _convolutional(builder, _pairs(128, 256, 512), [1024, 1024], 10, CIFAR10)


def btc_alexnet(seed: int = 0, weights: Weights | None = None) -> Network:
    """BTC-BNN's AlexNet: 64C11/4-MP-192C5-MP-384C3-256C3-256C3-MP-4096-4096-1000."""
    stages = [
        (64, 11, 4, True),
        (192, 5, 1, True),
        (384, 3, 1, False),
        (256, 3, 1, False),
        (256, 3, 1, True),
    ]
    builder = Builder("btc-alexnet", (224, 224, 3), seed, weights)
    return _convolutional(builder, stages, [4096, 4096], 1000)


def btc_vgg16(seed: int = 0, weights: Weights | None = None) -> Network:
    """BTC-BNN's VGG-16: 2×64-MP-2×128-MP-3×256-MP-3×512-MP-3×512-MP-4096-4096-1000."""
    stages = [
        (filters, 3, 1, index == count - 1)
        for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
        for index in range(count)
    ]
    builder = Builder("btc-vgg16", (224, 224, 3), seed, weights)
    return _convolutional(builder, stages, [4096, 4096], 1000)


def btc_mlp(seed: int = 0, weights: Weights | None = None) -> Network:
    """BTC-BNN's MLP for MNIST: 784-1024-1024-1024-10 on pixels cut at half."""
    builder = Builder("btc-mlp", (28, 28, 1), seed, weights)
    x = builder.sign("binarize", builder.scale("centre", "pixels", 1, -127.5))
    x = builder.flatten("flatten", x)
    return _dense(builder, x, [1024, 1024, 1024], 10, DIGITS, 1)


def _pairs(*filters: int) -> list[Stage]:
    return [(count, 3, 1, pooled) for count in filters for pooled in (False, True)]


def _convolutional(
    builder: Builder,
    stages: Sequence[Stage],
    hidden: Sequence[int],
    outputs: int,
    classes: tuple[str, ...] = (),
) -> Network:
    x = "pixels"
    for index, (filters, kernel, stride, pooled) in enumerate(stages, 1):
        x = builder.conv(f"conv{index}", x, filters, kernel, stride)
        if pooled:
            x = builder.max_pool(f"pool{index}", x)
        x = builder.sign(f"sign{index}", builder.norm(f"bn{index}", x))
    x = builder.flatten("flatten", x)
    return _dense(builder, x, hidden, outputs, classes, len(stages) + 1)


def _dense(
    builder: Builder,
    x: str,
    hidden: Sequence[int],
    outputs: int,
    classes: tuple[str, ...],
    first_norm: int,
) -> Network:
    for index, neurons in enumerate(hidden):
        x = builder.dense(f"dense{index + 1}", x, neurons)
        norm = first_norm + index
        x = builder.sign(f"sign{norm}", builder.norm(f"bn{norm}", x))
    x = builder.dense(f"dense{len(hidden) + 1}", x, outputs)
    return builder.finish(builder.norm(f"bn{first_norm + len(hidden)}", x), classes)
