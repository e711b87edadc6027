"""What all benchmark programs share: options, the machine, the table and the result file."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

SCHEMA = "bnnplan.bench"
BUSY = 0.75
"""Load of each core above which figures are not to be trusted."""


@frozen
class Result:
    """One line of a benchmark.

    Parameters
    ----------
    name : str
    threads : int
    ours : float
    unit : str
    peer : str
        What it is compared with; empty if nothing. Where that cannot be measured, with the reason.
    peer_value, ratio : float or None
        The ratio is above 1 where we are better; None as well where something disturbed either.
    spread : float
        Interquartile range of our samples by their median.
    runs : int
    """

    name: str
    threads: int
    ours: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    spread: float = 0.0
    runs: int = 1


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every suite has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="end within 45 s, same names")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the results to a file")
    return made


def only_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a suite that can measure in pieces."""
    made = parser(description)
    made.add_argument("--only", nargs="+", default=[], metavar="NAME", help="parts of names")
    return made


def chosen(names: Sequence[str], only: list[str]) -> list[str]:
    """The names to measure; exits with 2, and the names that there are, if a part is of none."""
    for part in only:
        if not any(part in name for name in names):
            print(f"--only {part}: no such name; there are {'; '.join(names)}", file=sys.stderr)
            raise SystemExit(2)
    return [name for name in names if not only or any(part in name for part in only)]


def arguments(description: str | None) -> argparse.Namespace:
    """Parse the options of a suite that has no others."""
    return parser(description).parse_args()


def machine(isa: str = "", peers: str = "") -> dict[str, Any]:
    """Describe the machine, the instruction sets of ours and of peers, the date and the commit."""
    model = platform.processor()
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "isa": isa or os.environ.get("BNNPLAN_ISA", "best"),
        **({"peers": peers} if peers else {}),
        "system": platform.platform(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "load": os.getloadavg()[0],
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _commit() -> str:
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "rev-parse", "--short", "HEAD"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.strip() or "unknown"


def interleave(
    actions: dict[str, Callable[[], object]], *, seconds: float, min_runs: int
) -> dict[str, list[int]]:
    """Call all actions in turns until the time is spent; nanoseconds of every call."""
    samples: dict[str, list[int]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(next(iter(samples.values()))) < min_runs:
        for name, action in actions.items():
            start = time.perf_counter_ns()
            action()
            samples[name].append(time.perf_counter_ns() - start)
    return samples


def spread(samples: Sequence[float]) -> float:
    """Interquartile range by the median."""
    first, median, third = statistics.quantiles(samples, n=4)
    return (third - first) / median


def quantity(value: float, unit: str) -> str:
    """A value with its unit; microseconds as milliseconds or seconds where there are many."""
    if unit == "µs" and value >= 1e6:
        return f"{value / 1e6:.3g} s"
    if unit == "µs" and value >= 1e3:
        return f"{value / 1e3:.3g} ms"
    # Not in powers of ten, as `g` writes what has more digits before its point.
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


HEAD = f"{'name':52} {'threads':>7} {'ours':>14} {'peer':>11} {'ratio':>7} {'spread':>7} runs"


def layers_line(row: Result) -> str:
    share = "–" if row.ratio is None else f"{row.ratio:.2f}"
    return f"  layers' share of the whole call {share}"


def memory_line(row: Result) -> str:
    alive = "" if row.peer_value is None else f" of {quantity(row.peer_value, row.unit)} alive"
    return f"  memory beyond weights {quantity(row.ours, row.unit)}{alive}"


ASIDES = {"all layers": layers_line, "memory beyond weights": memory_line}
"""Results that are no comparison: a line below those of the network that they belong to."""


def line(row: Result) -> str:
    """One result as a line of the table."""
    aside = ASIDES.get(row.name.rpartition(": ")[2])
    if aside:
        return aside(row)
    ours = quantity(row.ours, row.unit)
    theirs = "" if row.peer_value is None else quantity(row.peer_value, row.unit)
    # A peer without a ratio was disturbed, or we were.
    missing = "–" if theirs else ""
    ratio = missing if row.ratio is None else f"{row.ratio:.2f}"
    return (
        f"{row.name:52} {row.threads:7} {ours:>14} {theirs:>11} {ratio:>7} "
        f"{row.spread:7.1%} {row.runs:4} {row.peer}"
    )


def report(
    results: Iterable[list[Result]], file: Path | None, isa: str = "", peers: str = ""
) -> None:
    """Print a table as results come, and write the JSON file if one is wanted.

    Parameters
    ----------
    results : iterable of list of Result
    file : Path or None
    isa : str
        Instruction set of ours, if it is known.
    peers : str
        What instruction sets peers use.
    """
    where = machine(isa, peers)
    warn_if_busy(where)
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    print(HEAD)
    rows = []
    for part in results:
        for row in part:
            print(line(row), flush=True)
            rows.append(row)
    save(rows, file, where)


def warn_if_busy(where: dict[str, Any]) -> None:
    """Say so where others take so much of the machine that figures are not to be trusted."""
    if where["load"] > BUSY * where["cores"]:
        print(
            f"the machine is busy (load {where['load']:.1f}): others interrupt long calls more "
            "than short ones, so these ratios favour whoever calls shorter",
            file=sys.stderr,
        )


def save(rows: Iterable[Result], file: Path | None, where: dict[str, Any]) -> None:
    """Write the result file, if one is wanted."""
    if file is not None:
        plain = [attrs.asdict(row) for row in rows]
        document = {"schema": SCHEMA, "version": 1, "machine": where, "results": plain}
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
