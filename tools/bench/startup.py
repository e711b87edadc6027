"""What a user waits for before anything happens: processes of the command line, whole."""

from __future__ import annotations

import subprocess
import sys

from bench import Result, arguments, interleave, report, spread

PROGRAM = "from bnnplan.planner.cli import main; main()"
COMMANDS = {
    "bnnplan --version": ["--version"],
    "bnnplan --help": ["--help"],
    "bnnplan inspect": ["inspect"],
    "bnnplan devices": ["devices"],
    "bnnplan solve, cached profile, not run": ["solve", "--no-run"],
}


def main() -> None:
    options = arguments(__doc__)
    subprocess.run([sys.executable, "-c", PROGRAM, "profile"], capture_output=True, check=True)

    def start(words: list[str]) -> None:
        subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, check=True)

    actions = {name: lambda w=words: start(w) for name, words in COMMANDS.items()}
    samples = interleave(actions, seconds=5 if options.quick else 40, min_runs=3)
    results = [
        Result(
            name,
            1,
            sorted(taken)[len(taken) // 2] / 1e6,
            "ms",
            spread=spread(taken),
            runs=len(taken),
        )
        for name, taken in samples.items()
    ]
    report([results], options.json)


if __name__ == "__main__":
    main()
