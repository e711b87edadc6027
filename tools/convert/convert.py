"""Turns problems of others into the problem JSON that `bnnplan solve --problem` reads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import dnn_partitioning
import fjsp
import hep_bnn
import salbp

from bnnplan.models.errors import BnnplanError, FileError
from bnnplan.models.files import write_json
from bnnplan.planner.problem import Measure, Problem
from bnnplan.planner.problem_format import SCHEMA, VERSION, problem_to_dict

OBJECTIVES = {"latency": Measure.LATENCY, "throughput": Measure.PERIOD}


def main() -> None:
    options = _parser().parse_args()
    make: Callable[[argparse.Namespace], Problem] = options.make
    try:
        problem = make(options)
        plain = problem_to_dict(problem)
        write_json(options.output, SCHEMA, VERSION, plain)
    except BnnplanError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(
        f"{options.output}: {len(problem.tasks)} tasks, {len(problem.devices)} devices; "
        f"solve it with: bnnplan solve --problem {options.output}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    formats = parser.add_subparsers(metavar="FORMAT", required=True)

    made = _format(formats, "dnn-partitioning", dnn_partitioning, "FILE", _dnn_partitioning)
    made.add_argument("--objective", choices=OBJECTIVES, required=True)
    made.add_argument(
        "--rules",
        choices=("contiguous", "free"),
        default="contiguous",
        help="whether accelerators (and, for throughput, CPUs) take one part each: %(default)s",
    )
    made.add_argument(
        "--ns-per-unit",
        type=_positive,
        default=dnn_partitioning.NS_PER_UNIT,
        metavar="N",
        help="nanoseconds of a unit of time of the file (default %(default)s: milliseconds)",
    )

    made = _format(formats, "hep-bnn", hep_bnn, "FOLDER", _hep_bnn)
    made.add_argument("--batch", type=_positive, help="default: that of the least greedy sum")

    made = _format(formats, "fjsp", fjsp, "FILE", _fjsp)
    made.add_argument(
        "--first-machine", type=int, choices=(0, 1), default=1, help="default %(default)s"
    )
    made.add_argument(
        "--ns-per-unit", type=_positive, default=1, metavar="N", help="default %(default)s"
    )

    made = _format(formats, "salbp", salbp, "FILE", _salbp)
    made.add_argument("--stations", type=_positive, required=True, metavar="M")
    made.add_argument(
        "--ns-per-unit", type=_positive, default=1, metavar="N", help="default %(default)s"
    )
    return parser


def _format(
    formats: Any, name: str, module: ModuleType, what: str, make: Callable[..., Problem]
) -> argparse.ArgumentParser:
    """Add a format: its file or folder, and where the problem goes."""
    summary = (module.__doc__ or "").partition("\n")[0]
    made: argparse.ArgumentParser = formats.add_parser(name, help=summary, description=summary)
    made.add_argument("file", type=Path, metavar=what)
    made.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    made.set_defaults(make=make)
    return made


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def _dnn_partitioning(options: argparse.Namespace) -> Problem:
    return dnn_partitioning.problem(
        dnn_partitioning.read(options.file),
        OBJECTIVES[options.objective],
        contiguous=options.rules == "contiguous",
        ns_per_unit=options.ns_per_unit,
    )


def _hep_bnn(options: argparse.Namespace) -> Problem:
    run = hep_bnn.read(options.file)
    batch = options.batch or hep_bnn.best_batch(run)
    if batch not in run:
        raise FileError(
            f"{options.file}: no batch size {batch}; there are {', '.join(map(str, run))}"
        )
    return hep_bnn.problem(f"{options.file.name}, batch {batch}", run[batch])


def _fjsp(options: argparse.Namespace) -> Problem:
    jobs = fjsp.read(options.file, options.first_machine)
    return fjsp.problem(options.file.stem, jobs, ns_per_unit=options.ns_per_unit)


def _salbp(options: argparse.Namespace) -> Problem:
    line = salbp.read(options.file)
    return salbp.problem(options.file.stem, line, options.stations, ns_per_unit=options.ns_per_unit)


if __name__ == "__main__":
    main()
