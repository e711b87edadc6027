"""The planner's numbers: value, bound, time and memory of every case, against what is aimed at."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from itertools import groupby

import attrs
import cases_peers
import cases_public
import cases_random
from bench import Result, chosen, machine, only_parser, save, warn_if_busy
from cases import Case
from outcomes import HEAD, MARKDOWN_HEAD, Outcome, line, markdown, results

from bnnplan.models.errors import BnnplanError, FileError

PATIENCE = 600
"""Seconds after which a case is given up."""


def main() -> None:
    options = _parser().parse_args()
    cases = [*cases_public.cases(), *cases_random.cases(), *cases_peers.cases()]
    if options.list:
        print("\n".join(f"{case.suite:16} {case.name}" for case in cases))
        return
    if options.child:
        child([case for case in cases if case.name in options.child], options.quick)
        return
    labels = {f"{case.suite} {case.name}": case for case in cases}
    wanted = [labels[label] for label in chosen(list(labels), options.only)]
    where = machine()
    warn_if_busy(where)
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    head, form = (MARKDOWN_HEAD, markdown) if options.markdown else (HEAD, line)
    print(head)
    rows: list[Result] = []
    failed = 0
    for outcome in outcomes(wanted, options.quick):
        print(form(outcome), flush=True)
        rows += results(outcome)
        failed += outcome.passed is False
    save(rows, options.json, where)
    if failed:
        raise SystemExit(f"{failed} cases did not reach what is aimed at")


def _parser() -> argparse.ArgumentParser:
    parser = only_parser(__doc__)
    parser.add_argument("--list", action="store_true", help="the suites and names that there are")
    parser.add_argument("--markdown", action="store_true", help="a table for docs/benchmarks.md")
    # How this program starts itself: the cases that one process runs.
    parser.add_argument("--child", nargs="+", default=[], help=argparse.SUPPRESS)
    return parser


def outcomes(cases: list[Case], quick: bool) -> Iterator[Outcome]:
    """Run each case in a process of its own; in a quick run, one for each suite."""
    for _, group in groupby(cases, lambda case: case.suite if quick else case.name):
        names = [case.name for case in group]
        command = [sys.executable, __file__, *(["--quick"] if quick else []), "--child", *names]
        try:
            ran = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=False, timeout=PATIENCE
            )
            found = [Outcome(**json.loads(text)) for text in ran.stdout.splitlines()]
            fault = f"the process ended with code {ran.returncode}"
        except subprocess.TimeoutExpired:
            found, fault = [], f"no answer after {PATIENCE} s"
        yield from found
        for name in names[len(found) :]:
            yield Outcome(name, "", passed=False, note=fault)


def child(cases: list[Case], quick: bool) -> None:
    """Print a line of JSON for each case."""
    for case in cases:
        try:
            outcome = case.run(quick)
            if quick and not outcome.passed:
                # With so little time nothing is shown to be out of reach.
                outcome = attrs.evolve(outcome, passed=None)
        except FileError as error:
            outcome = Outcome(case.name, "", note=f"not run: {error}; set BNNPLAN_DATA")
        except Exception as error:
            if not isinstance(error, BnnplanError):
                traceback.print_exc()
            note = f"{type(error).__name__}: {error}".replace("\n", " ")
            outcome = Outcome(case.name, "", passed=False, note=note)

        print(json.dumps(attrs.asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
