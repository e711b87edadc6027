"""What all benchmark programs share: options, the machine, interleaved medians, the result file.

Both sides of a comparison run in turns in one process, so that drifts of a shared machine hit
both. A ratio is the median over paired runs of peer by ours: above 1 where we are better.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

SCHEMA = "bnnplan.bench"


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
        What it is compared with; empty if nothing.
    peer_value, ratio : float or None
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


def arguments(description: str | None) -> argparse.Namespace:
    """Parse the options that every suite has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="end within 45 s, same names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to a file")
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """Describe the machine, the date and the commit."""
    model = platform.processor()
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "isa": os.environ.get("BNNPLAN_ISA", "best"),
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
    actions: dict[str, Callable[[], object]], *, seconds: float, min_runs: int = 15, burst: int = 0
) -> dict[str, list[int]]:
    """Call all actions in turns until the time is spent; nanoseconds of every call.

    With a burst, each turn is so many calls unmeasured and as many measured.
    """
    samples: dict[str, list[int]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(next(iter(samples.values()))) < min_runs:
        for name, action in actions.items():
            for _ in range(burst):
                # The first call of a turn pays for the cold caches that the other side left.
                action()
            for _ in range(burst or 1):
                start = time.perf_counter_ns()
                action()
                samples[name].append(time.perf_counter_ns() - start)
    return samples


def compared(
    name: str, threads: int, ours: list[int], peer: str, theirs: list[int], scale: float = 1e3
) -> Result:
    """Two interleaved series of nanoseconds as one result, in microseconds by default."""
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    unit = {1e3: "µs", 1e6: "ms", 1e9: "s"}[scale]
    return Result(
        name,
        threads,
        statistics.median(ours) / scale,
        unit,
        peer,
        statistics.median(theirs) / scale,
        ratio,
        spread(ours),
        len(ours),
    )


def spread(samples: list[int]) -> float:
    """Interquartile range by the median."""
    first, median, third = statistics.quantiles(samples, n=4)
    return (third - first) / median


def report(results: list[Result], file: Path | None) -> None:
    """Print a table, and write the JSON file if one is wanted."""
    where = machine()
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    print(f"{'name':44} {'threads':>7} {'ours':>12} {'peer':>12} {'ratio':>7} {'spread':>7} runs")
    for row in results:
        theirs = "" if row.peer_value is None else f"{row.peer_value:.4g}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(
            f"{row.name:44} {row.threads:7} {row.ours:9.4g} {row.unit:>2} {theirs:>12} "
            f"{ratio:>7} {row.spread:7.1%} {row.runs:4} {row.peer}"
        )
    if file is not None:
        rows = [attrs.asdict(row) for row in results]
        document = {"schema": SCHEMA, "version": 1, "machine": where, "results": rows}
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
