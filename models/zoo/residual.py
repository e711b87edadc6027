"""Networks with branches: BTC-BNN's ResNets, Bi-Real Net, BinaryDenseNet and QuickNet.

BTC-BNN's (arXiv 2006.16578, code pnnl/TCBNN) add whole sums: a shortcut into a wider stage is
pooled, and joins the first channels only. The others follow larq-zoo: float shortcuts, padding
as in TensorFlow, pixels scaled to -1…1.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnnplan.models.graph import Network
from bnnplan.models.zoo.building import Builder, Weights, same
from bnnplan.models.zoo.classes import CIFAR10

IMAGENET = (224, 224, 3)
KERAS_EPSILON = 1e-3


def btc_resnet14_cifar(seed: int = 0, weights: Weights | None = None) -> Network:
    """BTC-BNN's ResNet-14 for CIFAR-10: 128C3, 2 blocks each of 128, 256, 512, then 512-10."""
    builder = Builder("btc-resnet14-cifar", (32, 32, 3), seed, weights)
    x = builder.conv("conv1", "pixels", 128, 3)
    return _whole_residual(builder, x, (128, 256, 512), 10, CIFAR10)


def btc_resnet18(seed: int = 0, weights: Weights | None = None) -> Network:
    """BTC-BNN's ResNet-18: 64C7/4, 2 blocks each of 64, 128, 256, 512, then 512-1000."""
    builder = Builder("btc-resnet18", IMAGENET, seed, weights)
    x = builder.conv("conv1", "pixels", 64, 7, 4)
    return _whole_residual(builder, x, (64, 128, 256, 512), 1000)


def bi_real_18(seed: int = 0, weights: Weights | None = None) -> Network:
    """Bi-Real Net 18: a float stem, 16 binary convolutions each with a shortcut, a float end."""
    builder = Builder("bi-real-18", IMAGENET, seed, weights)
    x = builder.scale("scale", "pixels", 1 / 127.5, -1)
    x = builder.norm("bn0", builder.float_conv("stem", x, 64, 7, 2), epsilon=KERAS_EPSILON)
    x = builder.max_pool("pool", x, 3, 2, (0, 0, 1, 1))
    for index in range(1, 17):
        stage = (index - 1) // 4
        wider = index > 1 and (index - 1) % 4 == 0
        x = _bi_real_block(builder, f"block{index}", x, 64 << stage, 2 if wider else 1)
    x = builder.flatten("flatten", builder.average_pool("mean", x, 7))
    return builder.finish(builder.softmax("softmax", builder.float_dense("dense", x, 1000)))


def binary_densenet_28(seed: int = 0, weights: Weights | None = None) -> Network:
    """BinaryDenseNet-28: four stages of 6, 6, 6 and 5 binary convolutions that add 64 channels."""
    builder = Builder("binary-densenet-28", IMAGENET, seed, weights)
    x = builder.scale("scale", "pixels", 1 / 127.5, -1)
    x = builder.relu("relu0", builder.norm("bn0", builder.float_conv("stem", x, 64, 7, 2)))
    x = builder.max_pool("pool0", x, 3, 2, (0, 0, 1, 1))
    layers, reductions = (6, 6, 6, 5), (2.7, 2.7, 2.2)
    for stage, count in enumerate(layers, 1):
        for index in range(1, count + 1):
            name = f"stage{stage}.{index}"
            y = builder.sign(f"{name}.sign", builder.norm(f"{name}.bn", x))
            y = builder.scale(f"{name}.float", builder.conv(f"{name}.conv", y, 64, 3))
            x = builder.concat(f"{name}.concat", x, y)
        if stage < len(layers):
            x = builder.max_pool(f"pool{stage}", builder.norm(f"bn{stage}", x))
            channels = builder.types[x].channels // reductions[stage - 1]
            x = builder.relu(f"relu{stage}", x)
            x = builder.float_conv(f"transition{stage}", x, round(channels / 32) * 32, 1)
    x = builder.relu("relu4", builder.norm("bn4", x))
    x = builder.flatten("flatten", builder.average_pool("mean", x, 7))
    return builder.finish(builder.softmax("softmax", builder.float_dense("dense", x, 1000)))


def quicknet(seed: int = 0, weights: Weights | None = None) -> Network:
    """QuickNet: a float stem, 4×4 binary convolutions with shortcuts, blurred transitions."""
    builder = Builder("quicknet", IMAGENET, seed, weights)
    x = builder.scale("scale", "pixels", 1 / 127.5, -1)
    x = builder.norm("stem1.bn", builder.float_conv("stem1", x, 16, 3, 2), epsilon=KERAS_EPSILON)
    x = builder.relu("stem1.relu", x)
    x = builder.float_conv("stem2", x, 16, 3, 2, groups=16)
    x = builder.norm("stem2.bn", x, plain=True, epsilon=KERAS_EPSILON)
    x = builder.norm("stem3.bn", builder.float_conv("stem3", x, 64, 1), epsilon=KERAS_EPSILON)
    for stage, filters in enumerate((64, 128, 256, 512), 1):
        if stage > 1:
            name = f"transition{stage - 1}"
            x = builder.max_pool(f"{name}.pool", builder.relu(f"{name}.relu", x), 2, 1)
            x = builder.float_conv(f"{name}.conv", builder.blur(f"{name}.blur", x, 2), filters, 1)
            x = builder.norm(f"{name}.bn", x)
        for index in range(1, 5):
            name = f"stage{stage}.{index}"
            y = builder.conv(
                f"{name}.conv", builder.sign(f"{name}.sign", x), filters, 3, pad_value=1
            )
            y = builder.relu(f"{name}.relu", builder.scale(f"{name}.float", y))
            x = builder.add(f"{name}.add", builder.norm(f"{name}.bn", y), x)
    x = builder.relu("relu", x)
    x = builder.flatten("flatten", builder.average_pool("mean", x, 7))
    return builder.finish(builder.softmax("softmax", builder.float_dense("dense", x, 1000)))


def _whole_residual(
    builder: Builder,
    sums: str,
    widths: Sequence[int],
    outputs: int,
    classes: tuple[str, ...] = (),
) -> Network:
    bits = builder.sign("sign1", builder.norm("bn1", sums))
    for stage, width in enumerate(widths, 1):
        for block in (1, 2):
            name = f"stage{stage}.{block}"
            wider = builder.types[sums].channels < width
            y = builder.conv(f"{name}.conv1", bits, width, 3, 2 if wider else 1)
            y = builder.sign(f"{name}.sign1", builder.norm(f"{name}.bn1", y))
            y = builder.conv(f"{name}.conv2", y, width, 3)
            sums = _join(builder, name, sums, y) if wider else builder.add(f"{name}.add", y, sums)
            bits = builder.sign(f"{name}.sign2", builder.norm(f"{name}.bn2", sums))
    x = builder.dense("dense1", builder.flatten("flatten", bits), 512)
    x = builder.sign("sign2", builder.norm("bn2", x))
    return builder.finish(builder.norm("bn3", builder.dense("dense2", x, outputs)), classes)


def _join(builder: Builder, name: str, shortcut: str, sums: str) -> str:
    """Add the pooled shortcut to the first channels."""
    first, rest = builder.split(f"{name}.split", sums, builder.types[shortcut].channels)
    pooled = builder.max_pool(f"{name}.pool", shortcut)
    return builder.concat(f"{name}.concat", builder.add(f"{name}.add", first, pooled), rest)


def _bi_real_block(builder: Builder, name: str, x: str, filters: int, stride: int) -> str:
    shortcut = x
    if stride > 1:
        shortcut = builder.average_pool(f"{name}.pool", x, 2)
        shortcut = builder.float_conv(f"{name}.shortcut", shortcut, filters, 1)
        shortcut = builder.norm(f"{name}.shortcut_bn", shortcut, epsilon=KERAS_EPSILON)
    before, after = same(builder.types[x].shape[0], 3, stride)
    pads = (before, before, after, after)
    y = builder.conv(f"{name}.conv", builder.sign(f"{name}.sign", x), filters, 3, stride, pads=pads)
    return builder.add(
        f"{name}.add", builder.norm(f"{name}.bn", y, epsilon=KERAS_EPSILON), shortcut
    )
