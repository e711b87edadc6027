"""Train HEP-BNN's network for Fashion-MNIST, 64C3-MP-64C3-MP-FC64-10, and export it.

Each convolution and each dense layer sums products with weights of +1 and -1, and batch norm
follows. The first convolution sees the plain pixels, 0 to 255, so every sum is an integer.
"""

import argparse
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from binary import BinaryConv2d, BinaryLinear, Sign, clip_latent_weights
from data import DATA, read_split


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


def augment(pixels: Tensor, reach: int = 2) -> Tensor:
    """Shift each image by up to `reach` pixels along both axes and mirror every other one.

    Parameters
    ----------
    pixels : Tensor of uint8, shape (N, 1, H, W)
        The images; the border that a shift uncovers is 0.
    reach : int
        The largest shift.

    Returns
    -------
    Tensor of uint8, shape (N, 1, H, W)
    """
    count, _, height, width = pixels.shape
    padded = functional.pad(pixels, (reach,) * 4)
    shifts = torch.randint(0, 2 * reach + 1, (2, count, 1))
    rows = shifts[0] + torch.arange(height)
    columns = shifts[1] + torch.arange(width)
    mirrored = torch.rand(count, 1) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
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
    """Train `network` in place, yielding the mean loss of each epoch."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = len(pixels) // batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        network.train()
        total = 0.0
        for chosen in batches(len(pixels), batch):
            inputs = augment(pixels[chosen]).float()
            with torch.autocast("cpu", torch.bfloat16):
                outputs = network(inputs)
            loss = functional.cross_entropy(outputs.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            clip_latent_weights(network)
            total += loss.item()
        yield total / steps


@torch.no_grad()
def reestimate_statistics(network: nn.Sequential, pixels: Tensor, batch: int = 1000) -> None:
    """Set the means and variances of every batch norm to their averages over `pixels`."""
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


def export(network: nn.Sequential, path: Path) -> None:
    """Write the weights and the batch norms of `network` to the .npz file `path`."""
    arrays: dict[str, np.ndarray] = {}
    counts = {"conv": 0, "dense": 0, "bn": 0}
    for layer in network:
        if isinstance(layer, BinaryConv2d):
            counts["conv"] += 1
            weight = layer.weight.detach().permute(0, 2, 3, 1)
            arrays[f"conv{counts['conv']}_weight"] = np.where(weight >= 0, 1, -1).astype(np.int8)
        elif isinstance(layer, BinaryLinear):
            counts["dense"] += 1
            weight = layer.weight.detach()
            if counts["dense"] == 1:  # torch flattens (C, H, W); the file holds (H, W, C)
                weight = weight.reshape(64, 64, 7, 7).permute(0, 2, 3, 1).reshape(64, -1)
            arrays[f"dense{counts['dense']}_weight"] = np.where(weight >= 0, 1, -1).astype(np.int8)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            counts["bn"] += 1
            name = f"bn{counts['bn']}"
            arrays[f"{name}_gamma"] = layer.weight.detach().numpy()
            arrays[f"{name}_beta"] = layer.bias.detach().numpy()
            arrays[f"{name}_mean"] = layer.running_mean.numpy()
            arrays[f"{name}_variance"] = layer.running_var.numpy()
            arrays[f"{name}_epsilon"] = np.float32(layer.eps)
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)
    os.replace(partial, path)


def main() -> None:
    """Train, report every epoch, and export the network of the last epoch."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the idx files")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="the first learning rate")
    parser.add_argument("--holdout", type=int, default=5000, help="images kept for validation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("fashion.npz"))
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    print(f"{vars(arguments)}", flush=True)
    print(f"python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}")
    started = time.monotonic()

    pixels, labels = load_split(arguments.data, "train")
    kept = len(pixels) - arguments.holdout
    network = build_network()
    losses = train(
        network, pixels[:kept], labels[:kept], arguments.epochs, arguments.batch, arguments.rate
    )
    for epoch, loss in enumerate(losses, 1):
        score = accuracy(network, pixels[kept:], labels[kept:])
        seconds = time.monotonic() - started
        print(f"epoch {epoch}: loss {loss:.4f}, val {score:.2%}, {seconds:.0f} s", flush=True)
    if arguments.epochs:
        reestimate_statistics(network, pixels[:kept])
        print(f"reestimated: val {accuracy(network, pixels[kept:], labels[kept:]):.2%}")
    export(network, arguments.out)
    print(f"test accuracy {accuracy(network, *load_split(arguments.data, 't10k')):.2%}")


if __name__ == "__main__":
    main()
