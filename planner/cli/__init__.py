"""The command ``bnnplan``: parses, calls one public function, prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; errors become one line on standard error and an exit code.

    Exit codes: 0 done, 1 error, 2 misuse, 3 infeasible, 4 no plan within the time limit, 130
    after Ctrl-C.
    """
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    from bnnplan.models.errors import BnnplanError
    from bnnplan.planner.cli.app import app

    debug = "--debug" in sys.argv
    try:
        app()
    except BnnplanError as error:
        if debug:
            raise
        print(f"bnnplan: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except (OSError, MemoryError) as error:
        if debug:
            raise
        print(f"bnnplan: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
