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
        The ratio is above 1 where we are better.
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


def arguments(description: str | None) -> argparse.Namespace:
    """Parse the options of a suite that has no others."""
    return parser(description).parse_args()


def machine(isa: str = "") -> dict[str, Any]:
    """Describe the machine, the instruction set that was forced, the date and the commit."""
    model = platform.processor()
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "isa": isa or os.environ.get("BNNPLAN_ISA", "best"),
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


HEAD = f"{'name':52} {'threads':>7} {'ours':>19} {'peer':>9} {'ratio':>7} {'spread':>7} runs"


def line(row: Result) -> str:
    """One result as a line of the table."""
    theirs = "" if row.peer_value is None else f"{row.peer_value:.4g}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (
        f"{row.name:52} {row.threads:7} {row.ours:9.4g} {row.unit:9} {theirs:>9} {ratio:>7} "
        f"{row.spread:7.1%} {row.runs:4} {row.peer}"
    )


def report(results: Iterable[list[Result]], file: Path | None, isa: str = "") -> None:
    """Print a table as results come, and write the JSON file if one is wanted."""
    where = machine(isa)
    if where["load"] > BUSY * where["cores"]:
        print(
            f"the machine is busy (load {where['load']:.1f}): others interrupt long calls more "
            "than short ones, so these ratios favour whoever calls shorter",
            file=sys.stderr,
        )
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    print(HEAD)
    rows = []
    for part in results:
        for row in part:
            print(line(row), flush=True)
            rows.append(attrs.asdict(row))
    if file is not None:
        document = {"schema": SCHEMA, "version": 1, "machine": where, "results": rows}
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
