"""Markdown tables of result files of `kernels` and `networks`, as docs/benchmarks.md shows them.

A row for each layer or network; a column for ours and each peer, theirs with the ratio.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import SCHEMA, quantity
from timing import NOISY

Row = dict[str, Any]
EXTRAS = {
    "rate": "Tera-op/s",
    "a cycle and core": "MAC/cycle/core (of ceiling)",
    "all layers": "in layers",
    "memory beyond weights": "memory / alive",
}
"""Results that stand behind the name of what they belong to, and the columns they become."""
DISTURBED = (
    f"A dash for a ratio: the rounds of one of the two spread by more than {NOISY:.0%} of their "
    "median, since something else ran on the cores."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    for file in parser.parse_args().files:
        document = json.loads(file.read_text())
        if document["schema"] != SCHEMA:
            raise SystemExit(f"{file} is a {document['schema']}, not a {SCHEMA}")
        print(", ".join(f"{key} {value}" for key, value in document["machine"].items()))
        for count in sorted({row["threads"] for row in document["results"]}):
            rows = [row for row in document["results"] if row["threads"] == count]
            print(f"\n{count} thread{'s' if count > 1 else ''}:\n")
            print("\n".join(table(rows)))
            if any(map(disturbed, rows)):
                print(f"\n{DISTURBED}")
        reasons = dict.fromkeys(
            f"{row['name']}: {row['peer']}" for row in document["results"] if refused(row)
        )
        print("\n" + "\n".join(f"- {reason}" for reason in reasons))


def refused(row: Row) -> bool:
    """Whether a peer could not be measured; its reason stands behind its name."""
    return row["peer_value"] is None and ": " in row["peer"]


def disturbed(row: Row) -> bool:
    """Whether a ratio would say nothing: our rounds or theirs differ too much."""
    return row["peer_value"] is not None and (row["ratio"] is None or row["spread"] > NOISY)


def table(rows: list[Row]) -> Iterable[str]:
    """Lines of one table."""
    subjects: dict[str, dict[str, str]] = {}
    for row in rows:
        name, _, extra = row["name"].rpartition(": ")
        if extra not in EXTRAS:
            name = row["name"]
        cells = subjects.setdefault(name, {})
        if extra in EXTRAS:
            cells[EXTRAS[extra]] = _extra(extra, row)
        else:
            cells["bnnplan"] = quantity(row["ours"], row["unit"])
            peer = row["peer"].partition(": ")[0]
            cells[peer] = "–" if refused(row) else _with_ratio(row)
            cells["spread"] = f"{row['spread']:.0%}"
    columns = _ordered({column for cells in subjects.values() for column in cells})
    yield "| " + " | ".join(["", *columns]) + " |"
    yield "|" + " --- |" * (len(columns) + 1)
    for name, cells in subjects.items():
        yield "| " + " | ".join([name, *(cells.get(column, "") for column in columns)]) + " |"


def _ordered(columns: set[str]) -> list[str]:
    first = ["bnnplan", *EXTRAS.values()]
    known = [column for column in first if column in columns]
    return [*known, *sorted(columns - set(known) - {"spread"}), "spread"]


def _with_ratio(row: Row) -> str:
    ratio = "–" if disturbed(row) else f"{row['ratio']:.2f}"
    return f"{quantity(row['peer_value'], row['unit'])} ({ratio})"


def _extra(kind: str, row: Row) -> str:
    if kind == "rate":
        return f"{row['ours']:.2f}"
    if disturbed(row):
        return "–"
    if kind == "a cycle and core":
        return f"{row['ours']:.0f} ({row['ratio']:.0%})"
    if kind == "all layers":
        return f"{row['ratio']:.2f}"
    return f"{1 / row['ratio']:.2f}"


if __name__ == "__main__":
    main()
