"""Train HEP-BNN's network for Fashion-MNIST, 64C3-MP-64C3-MP-FC64-10, and export it.

Each convolution and each dense layer sums products with weights of +1 and -1, and a batch norm
follows. The first convolution sees the plain pixels, 0 to 255, so every sum is an integer.
"""

import argparse
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from binary import BinaryConv2d, BinaryLinear, Sign, clip_latent_weights, signs
from check import count_correct
from data import DATA, read_split
from torch import Tensor, nn
from torch.nn import functional


def build_network() -> nn.Sequential:
    """Build the untrained network; it maps pixels (N, 1, 28, 28) to logits (N, 10)."""
    return nn.Sequential(
        BinaryConv2d(1, 64, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(64),
        Sign(),
        BinaryConv2d(64, 64, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(64),
        Sign(),
        nn.Flatten(),
        BinaryLinear(64 * 7 * 7, 64, bias=False),
        nn.BatchNorm1d(64),
        Sign(),
        BinaryLinear(64, 10, bias=False),
        nn.BatchNorm1d(10),
    ).to(memory_format=torch.channels_last)


def load_split(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """Load a split as pixels (N, 1, 28, 28) of uint8 and labels (N,) of int64."""
    images, labels = read_split(folder, split)
    return torch.tensor(images).unsqueeze(1), torch.tensor(labels).long()


def augment(pixels: Tensor, reach: int = 1) -> Tensor:
    """Shift each image at random along both axes and mirror about half of them.

    Parameters
    ----------
    pixels : Tensor of uint8, shape (N, 1, H, W)
        The images; the border that a shift uncovers is 0.
    reach : int
        The largest shift, in pixels.

    Returns
    -------
    Tensor of uint8, shape (N, 1, H, W)
    """
    count, _, height, width = pixels.shape
    padded = functional.pad(pixels, (reach,) * 4)
    shifts = torch.randint(0, 2 * reach + 1, (2, count, 1))
    rows = shifts[0] + torch.arange(height)
    columns = shifts[1] + torch.arange(width)
    columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    image = torch.arange(count)[:, None, None]
    return padded[image, 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def batches(count: int, size: int) -> Iterator[Tensor]:
    """Yield the indices below `count` in random order, `size` at a time, dropping the rest."""
    order = torch.randperm(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def train(
    network: nn.Sequential, pixels: Tensor, labels: Tensor, epochs: int, batch: int, rate: float
) -> Iterator[float]:
    """Train `network` in place, yielding the mean loss of each epoch.

    Adam follows the cross entropy, and its learning rate falls from `rate` to 0 along a cosine.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = len(pixels) // batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        network.train()
        total = 0.0
        for chosen in batches(len(pixels), batch):
            with torch.autocast("cpu", torch.bfloat16):
                outputs = network(augment(pixels[chosen]).float())
            loss = functional.cross_entropy(outputs.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            clip_latent_weights(network)
            total += loss.item()
        yield total / steps


@torch.no_grad()
def estimate_statistics(network: nn.Sequential, pixels: Tensor, batch: int = 1000) -> None:
    """Set the means and variances of every batch norm to their averages over `pixels`.

    While the network trains, they lag behind weights that change their signs, and they carry
    the rounding of bfloat16; here the sums are exact.
    """
    for layer in network:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
    network.train()
    for chosen in batches(len(pixels), batch):
        network(pixels[chosen].float())


@torch.no_grad()
def accuracy(network: nn.Sequential, pixels: Tensor, labels: Tensor) -> float:
    """Return the share of the images that `network` classifies as labelled."""
    network.eval()
    chosen = torch.cat([network(part.float()).argmax(1) for part in pixels.split(1000)])
    return (chosen == labels).double().mean().item()


@torch.no_grad()
def export(network: nn.Sequential, path: Path) -> None:
    """Write the weights and the batch norms of `network` to the .npz file `path`.

    Weights are int8, +1 or -1: a convolution's as (O, H, W, C), a dense layer's as (O, I), the
    first dense layer's inputs in the order (H, W, C). A batch norm maps the integer sum x to
    ``(x - mean) / sqrt(variance + epsilon) * gamma + beta``.
    """
    conv1, conv2 = (layer.weight for layer in network if isinstance(layer, BinaryConv2d))
    dense1, dense2 = (layer.weight for layer in network if isinstance(layer, BinaryLinear))
    weights = {
        "conv1_weight": conv1.permute(0, 2, 3, 1),
        "conv2_weight": conv2.permute(0, 2, 3, 1),
        "dense1_weight": dense1.unflatten(1, (64, 7, 7)).permute(0, 2, 3, 1).flatten(1),
        "dense2_weight": dense2,
    }
    arrays = {name: signs(weight).to(torch.int8).numpy() for name, weight in weights.items()}
    norms = [layer for layer in network if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    for number, norm in enumerate(norms, start=1):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        arrays[f"bn{number}_gamma"] = norm.weight.numpy()
        arrays[f"bn{number}_beta"] = norm.bias.numpy()
        arrays[f"bn{number}_mean"] = norm.running_mean.numpy()
        arrays[f"bn{number}_variance"] = norm.running_var.numpy()
        arrays[f"bn{number}_epsilon"] = np.array(norm.eps, dtype=np.float32)
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, allow_pickle=False, **arrays)
    partial.replace(path)


def main() -> None:
    """Train, print a line per epoch, and export the network of the last epoch."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the idx files")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=128, help="images per step")
    parser.add_argument("--rate", type=float, default=5e-3, help="learning rate at the start")
    parser.add_argument("--holdout", type=int, default=5000, help="last images, kept to validate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("fashion.npz"), help="file to write")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    print(shlex.join(["python", *sys.argv]))
    print(*(f"{name}={value}" for name, value in vars(arguments).items()))
    print(f"python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}")
    started = time.monotonic()

    pixels, labels = load_split(arguments.data, "train")
    kept = len(pixels) - arguments.holdout
    held_out = pixels[kept:], labels[kept:]
    pixels, labels = pixels[:kept], labels[:kept]
    network = build_network()
    losses = train(network, pixels, labels, arguments.epochs, arguments.batch, arguments.rate)
    for epoch, loss in enumerate(losses, start=1):
        score = accuracy(network, *held_out)
        line = f"epoch {epoch}: loss {loss:.4f}, validation {score:.2%}"
        print(f"{line}, {time.monotonic() - started:.0f} s", flush=True)
    estimate_statistics(network, pixels)
    print(f"statistics estimated: validation {accuracy(network, *held_out):.2%}")
    export(network, arguments.out)

    print(f"test accuracy: {accuracy(network, *load_split(arguments.data, 't10k')):.2%}")
    images, targets = read_split(arguments.data, "t10k")
    correct = count_correct(arguments.out, images, targets)
    print(f"exact test accuracy: {correct} of {len(targets)} = {correct / len(targets):.2%}")
    print(f"wall time: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
