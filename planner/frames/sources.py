"""Where frames for pipelines come from: random numbers, files, folders, streams.

A frame is one image in the plain elements of the network's input (see
:mod:`bnnplan.models.feeds`), without a batch axis; in networks with several inputs, such arrays by
their names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from attrs import frozen

from bnnplan.models.errors import FileError, InputError
from bnnplan.models.feeds import check_feeds
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType
from bnnplan.planner.execution.pipelines.frames import Frame
from bnnplan.planner.frames.byte_stream import stream_frames
from bnnplan.planner.frames.inputs import (
    RANDOM,
    Tell,
    check_finite,
    only_input,
    path_of,
    read_arrays,
)
from bnnplan.planner.frames.pictures import picture_files, read_picture
from bnnplan.planner.profiling.oracle import random_feeds

STANDARD_INPUT = "-"
RANDOM_AT_ONCE = 16
"""Random images that are made together: one by one takes longer."""


@frozen(eq=False)
class Source:
    """Frames; iterating begins anew, except where they can only be read once.

    Parameters
    ----------
    name : str
        As messages call it.
    begin : callable
        Gives the frames from the first one on. They raise InputError or FileError, with the name
        and the number of the frame, where one does not fit the network.
    count : int or None
        How many there are; None where that shows only at their end, or there is no end.
    endless : bool
    once : bool
        Whether what was read is gone, as on standard input.
    """

    name: str
    begin: Callable[[], Iterator[Frame]]
    count: int | None = None
    endless: bool = False
    once: bool = False

    def __iter__(self) -> Iterator[Frame]:
        return self.begin()


def open_source(
    network: Network,
    text: str,
    *,
    seed: int = 0,
    stdin: BinaryIO | None = None,
    tell: Tell | None = None,
) -> Source:
    """The source that ``--input`` names.

    Parameters
    ----------
    network : Network
    text : str
        ``random``; a folder of images, in the order of their names; a .npy, which is read where it
        lies, .npz or image file; ``-``: standard input.
    seed : int
        Of random frames.
    stdin : binary file, optional
        What ``-`` reads; by default the process's own standard input.
    tell : callable, optional
        Takes a line where something is worth knowing, such as images that are squeezed.

    Raises
    ------
    FileError
        If there is no such file or folder, or it cannot be read.
    InputError
        If it cannot feed the network, or holds no frames.
    """
    if text == RANDOM:
        return random_frames(network, seed)
    if text == STANDARD_INPUT:
        return standard_input(network, stdin)
    path = path_of(text)
    if path.is_dir():
        return folder_frames(network, path, tell=tell)
    return array_frames(network, read_arrays(network, path, mapped=True, tell=tell), str(path))


def random_frames(network: Network, seed: int = 0) -> Source:
    """Endless random frames, the same ones for a seed."""

    def begin() -> Iterator[Frame]:
        random = np.random.default_rng(seed)
        while True:
            yield from _single(network, random_feeds(network, RANDOM_AT_ONCE, random))

    return Source(RANDOM, begin, endless=True)


def array_frames(network: Network, arrays: Mapping[str, np.ndarray], name: str) -> Source:
    """The images of arrays by input, whose form fits, one after the other."""
    (count,) = {len(array) for array in arrays.values()}
    return Source(name, lambda: _checked(network, _single(network, arrays), name), count)


def folder_frames(network: Network, folder: Path, *, tell: Tell | None = None) -> Source:
    """The image files of a folder, in the order of their names.

    Raises
    ------
    FileError
        If the folder cannot be read.
    InputError
        If it holds no images, or the network has several inputs.
    """
    _, kind = only_input(network, folder)
    found = picture_files(folder)
    if not found:
        raise InputError(f"{folder}: holds no image files, so there are no frames")
    told: list[str] = []

    def tell_once(line: str) -> None:
        if tell is not None and not told:
            tell(f"{line}; of other images of the folder this is not told")
        told.append(line)

    def begin() -> Iterator[Frame]:
        for number, path in enumerate(found):
            try:
                yield read_picture(path, kind, tell=tell_once)[0]
            except (FileError, InputError) as error:
                raise type(error)(f"frame {number}: {error}") from error

    return Source(str(folder), begin, len(found))


def standard_input(network: Network, stream: BinaryIO | None = None) -> Source:
    """Frames of standard input, or of another stream: plain elements or .npy records.

    See :func:`bnnplan.planner.frames.byte_stream.stream_frames`.

    Raises
    ------
    InputError
        If nothing can come from there.
    """
    name = "standard input"
    if stream is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError(f"{name} is a terminal, or closed; pipe frames into it")
        stream = sys.stdin.buffer
    frames = _checked(network, stream_frames(network, stream, name), name)
    return Source(name, lambda: frames, once=True)


def _single(network: Network, arrays: Mapping[str, np.ndarray]) -> Iterator[Frame]:
    """The images of arrays by input."""
    # Slices of plain arrays are made faster than those of mapped ones.
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    if len(network.inputs) == 1:
        (only,) = plain.values()
        yield from only
    else:
        for images in zip(*plain.values(), strict=True):
            yield dict(zip(plain, images, strict=True))


def _checked(network: Network, frames: Iterator[Frame], name: str) -> Iterator[Frame]:
    """The frames, whose form fits; InputError where a value is none that an input can have."""
    kinds = {kind.element for kind in network.inputs.values()}
    if kinds.isdisjoint({ElementType.FLOAT32, ElementType.BIT}):
        yield from frames
        return
    (first, *_) = network.inputs
    for number, frame in enumerate(frames):
        feeds = frame if isinstance(frame, Mapping) else {first: frame}
        one = {key: array[None] for key, array in feeds.items()}
        try:
            check_finite(network, one)
            check_feeds(network, one)
        except InputError as error:
            raise InputError(f"{name}: frame {number}: {error}") from error
        yield frame
