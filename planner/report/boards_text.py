"""Boards of which figures are published, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bnnplan.planner.boards import BoardDescription, Figure
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import per_second, size


def boards_table(descriptions: Iterable[BoardDescription]) -> Rows:
    """One line a board."""
    rows = Rows("board", "what", "cores", "GPU", "memory", "bandwidth", left=4, wrapped="cores")
    for board in descriptions:
        clusters = [f"{len(c.cores)} × {c.core}" for c in board.clusters]
        rows.add_row(
            board.name,
            board.title,
            ", ".join(clusters),
            board.gpu.model if board.gpu else "–",
            size(int(board.memory_bytes.value)),
            per_second(board.memory_bandwidth.value, "B"),
        )
    return rows


def description_table(board: BoardDescription) -> Rows:
    """One line a figure: what it is of, its value, its source by number, and a note."""
    rows = Rows("of", "figure", "value", "source", "note", left=5, wrapped="note")
    numbers = {name: str(number) for number, name in enumerate(board.sources, 1)}
    for part, name, figure, text in _figures(board):
        rows.add_row(part, name, text, numbers[figure.source], figure.note)
    return rows


def source_lines(board: BoardDescription) -> Iterator[str]:
    """The numbered sources."""
    for number, source in enumerate(board.sources.values(), 1):
        yield f"{number}: {source.title}, {source.url}"


def _figures(board: BoardDescription) -> Iterator[tuple[str, str, Figure, str]]:
    for number, cluster in enumerate(board.clusters):
        cores = ", ".join(map(str, cluster.cores))
        part = f"cpu{number}, {len(cluster.cores)} × {cluster.core} (cores {cores})"
        yield part, "clock", cluster.clock_hz, _clock(cluster.clock_hz)
        yield part, "L1 of a core", cluster.l1_bytes, _size(cluster.l1_bytes)
        together = "a core" if cluster.l2_cores == 1 else f"{cluster.l2_cores} cores"
        yield part, f"L2 of {together}", cluster.l2_bytes, _size(cluster.l2_bytes)
        if cluster.l3_bytes is not None:
            yield part, "L3", cluster.l3_bytes, _size(cluster.l3_bytes)
    yield "memory", "size", board.memory_bytes, _size(board.memory_bytes)
    bandwidth = board.memory_bandwidth
    yield "memory", "bandwidth", bandwidth, per_second(bandwidth.value, "B")
    gpu = board.gpu
    if gpu is not None:
        part = f"{gpu.backend}0, {gpu.model}"
        yield part, "clock", gpu.clock_hz, _clock(gpu.clock_hz)
        yield part, "float operations", gpu.flops, per_second(gpu.flops.value)
        products = gpu.bit_products_per_cycle
        yield part, "bit products a cycle", products, f"{products.value:g}"
    if board.board_watts is not None:
        yield "board", "power", board.board_watts, f"{board.board_watts.value:g} W"


def _clock(figure: Figure) -> str:
    return f"{figure.value / 1e9:.2f} GHz"


def _size(figure: Figure) -> str:
    return size(int(figure.value))
