"""Classify the test images with the exported network in exact arithmetic, by numpy alone."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from data import DATA, Bytes, read_split
from numpy.typing import NDArray

Array = NDArray[Any]


def convolve(x: Array, weight: Array) -> Array:
    """Convolve `x` (N, H, W, C) with `weight` (O, 3, 3, C), padded with one border of 0.

    Every operand and every sum is an integer far below 2**24, so float32 holds each exactly.
    """
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    count, height, width, channels = x.shape
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9 * channels)
    sums = rows @ weight.reshape(len(weight), -1).T.astype(np.float32)
    return sums.reshape(count, height, width, -1)


def pool(x: Array) -> Array:
    """Take the maximum of every 2x2 block of `x` (N, H, W, C)."""
    count, height, width, channels = x.shape
    blocks: Array = x.reshape(count, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))
    return blocks


def normalize(x: Array, network: Mapping[str, Array], number: int) -> Array:
    """Apply batch norm `number` of `network` to the integers `x`, in float64."""
    gamma, beta, mean, variance, epsilon = (
        network[f"bn{number}_{name}"].astype(np.float64)
        for name in ("gamma", "beta", "mean", "variance", "epsilon")
    )
    result: Array = (x.astype(np.float64) - mean) / np.sqrt(variance + epsilon) * gamma + beta
    return result


def sign(x: Array) -> Array:
    """Return +1 where ``x >= 0`` and -1 elsewhere."""
    return np.where(x >= 0, np.int8(1), np.int8(-1))


def logits(images: Bytes, network: Mapping[str, Array]) -> Array:
    """Compute the ten logits of each image.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        The plain pixels.
    network : mapping of str to ndarray
        The arrays that ``fashion.py`` exports.

    Returns
    -------
    ndarray of float64, shape (N, 10)
    """
    x = pool(convolve(images[..., np.newaxis], network["conv1_weight"]))
    x = sign(normalize(x, network, 1))
    x = pool(convolve(x, network["conv2_weight"]))
    x = sign(normalize(x, network, 2)).reshape(len(images), -1)
    x = x.astype(np.int32) @ network["dense1_weight"].T.astype(np.int32)
    x = sign(normalize(x, network, 3))
    x = x.astype(np.int32) @ network["dense2_weight"].T.astype(np.int32)
    return normalize(x, network, 4)


def count_correct(path: Path, images: Bytes, labels: Bytes, batch: int = 500) -> int:
    """Count the images whose largest logit of the network at `path` is that of their label."""
    with np.load(path) as file:
        network = dict(file)
    correct = 0
    for start in range(0, len(images), batch):
        chosen = logits(images[start : start + batch], network).argmax(axis=1)
        correct += int((chosen == labels[start : start + batch]).sum())
    return correct


def main() -> None:
    """Print the accuracy of an exported network on the test images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path, help="the .npz file that fashion.py wrote")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the idx files")
    arguments = parser.parse_args()
    images, labels = read_split(arguments.data, "t10k")
    correct = count_correct(arguments.network, images, labels)
    print(f"exact test accuracy: {correct} of {len(labels)} = {correct / len(labels):.2%}")


if __name__ == "__main__":
    main()
