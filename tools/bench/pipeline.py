"""Pipelines: what it costs to pass a frame from stage to stage."""

from __future__ import annotations

from collections.abc import Callable

from bench import Result, chosen, only_parser, report
from handover import handovers

PARTS: dict[str, Callable[[bool], list[Result]]] = {"hand-over": handovers}
"""What can be measured, quickly or with patience."""


def main() -> None:
    options = only_parser(__doc__).parse_args()
    names = chosen(list(PARTS), options.only)
    report((PARTS[name](options.quick) for name in names), options.json)


if __name__ == "__main__":
    main()
