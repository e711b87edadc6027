"""Descriptions of boards: published figures, each with its source.

They are JSON files of the schema ``bnnplan.board-description`` beside this module, one a board.
Nothing in them was measured by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.files import read_json, structure

SCHEMA = "bnnplan.board-description"
VERSION = 1
FOLDER = Path(__file__).parent / "data"


@frozen
class Source:
    """Where figures come from."""

    title: str
    url: str


@frozen
class Figure:
    """A published figure.

    Parameters
    ----------
    value : float
    source : str
        Name of a source of the description.
    note : str
        What it holds for, or how it was derived from what is published; empty: as published.
    """

    value: float
    source: str
    note: str = ""


@frozen
class ClusterFigures:
    """Equal cores.

    Parameters
    ----------
    core : str
        Type, of :data:`bnnplan.planner.boards.core_types.CORE_TYPES`.
    cores : tuple of int
        As Linux numbers them.
    isa : str
        Instruction set of the kernels.
    clock_hz : Figure
        The highest.
    l1_bytes, l2_bytes : Figure
        Of the data cache of each core, and of each second cache.
    l2_cores : int
        That share a second cache.
    l3_bytes : Figure or None
        Shared by all of the cluster.
    """

    core: str
    cores: tuple[int, ...] = field(converter=as_tuple)
    isa: str
    clock_hz: Figure
    l1_bytes: Figure
    l2_bytes: Figure
    l2_cores: int
    l3_bytes: Figure | None = None


@frozen
class GpuFigures:
    """A GPU that shares the board's memory.

    Parameters
    ----------
    model, backend : str
    clock_hz, flops : Figure
        The highest clock; float32 operations a second there.
    bit_products_per_cycle : Figure
        Of all its units, by the instructions that they issue.
    """

    model: str
    backend: str
    clock_hz: Figure
    flops: Figure
    bit_products_per_cycle: Figure


@frozen
class BoardDescription:
    """What is published of a board.

    Parameters
    ----------
    name, title : str
        For the command line, and for people.
    clusters : tuple of ClusterFigures
        The fastest first.
    memory_bytes, memory_bandwidth : Figure
        Bytes, and bytes a second.
    gpu : GpuFigures or None
    board_watts : Figure or None
        Of the whole board or module; nobody publishes that of a cluster.
    sources : mapping of str to Source
    """

    name: str
    title: str
    clusters: tuple[ClusterFigures, ...] = field(converter=as_tuple)
    memory_bytes: Figure
    memory_bandwidth: Figure
    gpu: GpuFigures | None
    board_watts: Figure | None
    sources: Mapping[str, Source] = field(converter=as_dict)


def board_names() -> list[str]:
    """Names of the boards that are described, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_description(path: Path) -> BoardDescription:
    """A description from a file; FileError with file, field and reason if it is none."""
    found: BoardDescription = structure(read_json(path, SCHEMA, VERSION), BoardDescription, path)
    return found
