"""Pipelines: what passing a frame on costs, and how many frames a second plans give."""

from __future__ import annotations

from collections.abc import Callable

from bench import Result, chosen, only_parser, report
from handover import handovers
from throughput import throughputs

PARTS: dict[str, Callable[[bool], list[Result]]] = {
    "hand-over": handovers,
    "throughput": throughputs,
}
"""What can be measured, quickly or with patience."""


def main() -> None:
    options = only_parser(__doc__).parse_args()
    names = chosen(list(PARTS), options.only)
    report((PARTS[name](options.quick) for name in names), options.json)


if __name__ == "__main__":
    main()
