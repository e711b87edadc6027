"""``bnnplan evaluate``: accuracy on a data set, computed by a plan on real devices."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bnnplan.models.datasets import Dataset, load_dataset
from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network
from bnnplan.models.load import DEFAULT
from bnnplan.models.tensors import ElementType
from bnnplan.planner.cli.common import (
    Batch,
    BoardFile,
    DeviceNames,
    Json,
    NetworkText,
    console,
    print_json,
    progress_bar,
    refuse_overwriting,
    require_writable,
)
from bnnplan.planner.cli.planned import open_plan, open_runner
from bnnplan.planner.cli.untrained import warn_of_random_weights
from bnnplan.planner.execution.runner import run_arrays

CHUNK = 256


def evaluate(
    net: NetworkText = DEFAULT,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with idx files, or a .npz with images and labels."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many images.")] = None,
    board: BoardFile = None,
    devices: DeviceNames = None,
    batch: Batch = 1,
    predictions: Annotated[
        Path | None, typer.Option(help="Write predicted classes and logits to a .npz file.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the accuracy of a network on the test images of a data set."""
    if data is None:
        raise typer.BadParameter("--data is missing: say where the data set is, with --data DIR")
    refuse_overwriting(predictions, net, data, board)
    require_writable(predictions)
    dataset = load_dataset(data, limit=limit)
    plan, network = open_plan(net, board=board, devices=devices, batch=batch, budget=10, quiet=json)
    name, images = _images_for(network, dataset, data)
    kind = network.inputs[name]
    _check_labels(network, dataset, data)
    warn_of_random_weights(network)
    runner = open_runner(plan, network)
    start = time.perf_counter()
    logits = []
    with progress_bar(f"evaluating {network.name}", enabled=not json) as progress:
        for first in range(0, len(images), CHUNK):
            chunk = images[first : first + CHUNK].astype(kind.element.dtype)
            logits.append(run_arrays(runner, {name: chunk})[network.outputs[0]])
            progress(first / len(images), f"{first} of {len(images)} images")
    seconds = time.perf_counter() - start
    scores = np.concatenate(logits)
    classes = scores.reshape(len(scores), -1).argmax(axis=1)
    right = int((classes == dataset.labels).sum())
    if predictions is not None:
        _save_predictions(predictions, classes, scores)
    if json:
        print_json(
            "bnnplan.evaluate",
            {
                "network": network.name,
                "images": len(images),
                "right": right,
                "accuracy": right / len(images),
                "seconds": seconds,
            },
        )
        return
    console.print(
        f"{network.name}: {right / len(images):.2%} of {len(images):,} images right "
        f"({right:,}) with the plan for batch {plan.batch}"
    )
    console.print(
        f"took {seconds:.2f} s, {len(images) / seconds:,.0f} images/s with converting and checking "
        "them and putting batches together; 'bnnplan run --repeat 100' times the plan alone"
    )


def _images_for(network: Network, dataset: Dataset, data: Path) -> tuple[str, np.ndarray]:
    """The network's only input, and the pixels in its shape; their type must hold them all."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise InputError(
            f"network {network.name!r} has {len(network.inputs)} inputs and "
            f"{len(network.outputs)} outputs; accuracy is measured with one of each"
        )
    ((name, kind),) = network.inputs.items()
    images = dataset.images
    if images.shape[1:] != kind.shape and images[0].size == kind.elements:
        images = images.reshape(len(images), *kind.shape)
    if images.shape[1:] != kind.shape:
        raise InputError(
            f"{data}: images of shape {images.shape[1:]} do not fit input {name!r} of {kind}"
        )
    if kind.element is ElementType.BIT or int(images.max()) > _most(kind.element):
        raise InputError(
            f"{data}: pixels from 0 to {images.max()} do not fit input {name!r} of {kind}; import "
            "the network with --normalize, so that it takes plain pixels"
        )
    return name, images


def _most(element: ElementType) -> float:
    return float("inf") if element is ElementType.FLOAT32 else np.iinfo(element.dtype).max


def _check_labels(network: Network, dataset: Dataset, data: Path) -> None:
    classes = network.types[network.outputs[0]].elements
    low, high = int(dataset.labels.min()), int(dataset.labels.max())
    if low < 0 or high >= classes:
        raise InputError(
            f"{data}: labels are from {low} to {high}, but network {network.name!r} has the "
            f"classes 0 to {classes - 1}"
        )


def _save_predictions(path: Path, classes: np.ndarray, scores: np.ndarray) -> None:
    import io

    from bnnplan.models.files import write_atomically

    memory = io.BytesIO()
    np.savez_compressed(memory, pred=classes, logits=scores)
    write_atomically(path, memory.getvalue())
