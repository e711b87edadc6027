"""Curves as an SVG picture: panels side by side, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from attrs import frozen

WIDTH, HEIGHT = 330, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 16, 40
COLOURS = ("#1b6ca8", "#c2571a", "#2f7d4f", "#7a4fa3", "#8a6d1d")
MARK = 3.5
LEGEND = 26


@frozen
class Point:
    """The seconds that a problem of some size took, and how far from the proof it ended."""

    size: int
    seconds: float
    gap: float | None

    @property
    def proven(self) -> bool:
        return self.gap == 0


@frozen
class Curve:
    """Points of one kind of problem."""

    name: str
    points: tuple[Point, ...]


@frozen
class Panel:
    """Curves over one axis."""

    axis: str
    curves: tuple[Curve, ...]


def drawn(panels: Sequence[Panel], title: str, limit: float) -> str:
    """The picture: a mark is filled where the optimum was proven, and hollow where not.

    Parameters
    ----------
    panels : sequence of Panel
    title : str
        What the vertical axis shows.
    limit : float
        Seconds after which solving ended; the top of the picture.
    """
    seconds = [p.seconds for panel in panels for curve in panel.curves for p in curve.points]
    low = 10 ** math.floor(math.log10(max(min(seconds, default=1e-3), 1e-6)))
    high = 10 ** math.ceil(math.log10(max([limit, *seconds])))
    width, height = WIDTH * len(panels), HEIGHT + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" role="img" aria-label="{escape(title)}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for index, panel in enumerate(panels):
        parts.append(f'<g transform="translate({index * WIDTH} 0)">')
        parts += _panel(panel, low, high, title if index == 0 else "")
        parts.append("</g>")
    parts += _legend([curve.name for curve in panels[0].curves] if panels else [])
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, low: float, high: float, title: str) -> Iterator[str]:
    sizes = sorted({point.size for curve in panel.curves for point in curve.points})
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(size: float) -> float:
        span = math.log(sizes[-1] / sizes[0]) or 1.0
        return LEFT + (right - LEFT) * math.log(size / sizes[0]) / span

    def y(seconds: float) -> float:
        share = math.log(max(seconds, low) / low) / math.log(high / low)
        return bottom - (bottom - TOP) * share

    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        at = y(10.0**power)
        yield f'<path d="M{LEFT} {at:.1f}H{right}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>'
    for size in sizes:
        yield f'<text x="{x(size):.1f}" y="{bottom + 16}" text-anchor="middle">{size}</text>'
    middle, axis = (LEFT + right) / 2, escape(panel.axis)
    yield f'<text x="{middle:.1f}" y="{bottom + 33}" text-anchor="middle">{axis}</text>'
    if title:
        yield f'<text x="{LEFT}" y="{TOP - 5}">{escape(title)}</text>'
    for curve, colour in zip(panel.curves, COLOURS, strict=False):
        places = [(x(point.size), y(point.seconds)) for point in curve.points]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        for point, (a, b) in zip(curve.points, places, strict=True):
            fill = colour if point.proven else "white"
            yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{MARK}" fill="{fill}" stroke="{colour}"/>'


def _legend(names: Sequence[str]) -> Iterator[str]:
    for index, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        at = LEFT + 170 * index
        yield f'<circle cx="{at}" cy="{HEIGHT + 8}" r="{MARK}" fill="{colour}"/>'
        yield f'<text x="{at + 8}" y="{HEIGHT + 12}">{escape(name)}</text>'
