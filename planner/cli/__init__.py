"""The command ``bnnplan``: parses, calls one public function, prints."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from bnnplan.planner.presses import SEARCH_THREAD, Presses

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
TERMINATED = 143
"""Exit code after SIGTERM, as shells have it."""


def main() -> None:
    """Run the command line; errors become one line on standard error and an exit code.

    Exit codes: 0 done, 1 error, 2 misuse, 3 infeasible, 4 no plan within the time limit, 130
    after Ctrl-C, 143 after SIGTERM.
    """
    _open_standard_streams()
    terminate = _Terminate()
    try:
        _run(terminate)
    except BaseException as end:
        if terminate.asked:
            _tell_terminated()
            _leave(TERMINATED)
        if isinstance(end, KeyboardInterrupt):
            # Pressed once more, Ctrl-C would be another exception in the middle of this.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _tell_interrupted()
            _leave(INTERRUPTED)
        raise


def _leave(code: int) -> NoReturn:
    """End with a code, also where a native search goes on in its thread."""
    if any(thread.name == SEARCH_THREAD for thread in threading.enumerate()):
        # It would crash in an interpreter that is being taken down.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Give what was closed (``>&-``) to nobody, so that no file gets its number and its output."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    _tell_interrupted()
    # Native modules answer an exception in the middle of their import in ways of their own.
    os._exit(INTERRUPTED)


def _terminate_at_once(_number: int, _frame: FrameType | None) -> None:
    _tell_terminated()
    os._exit(TERMINATED)


class _InterruptOnce:
    """Ctrl-C pressed several times in a row counts once: what was measured is being kept."""

    def __init__(self) -> None:
        self.presses = Presses()

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.presses.is_new():
            raise KeyboardInterrupt


class _Terminate:
    """Ends with an exception, so that a file that is being written is taken away again.

    `asked` remains where somebody catches it and makes another one of it.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        sys.exit(TERMINATED)


def _tell_interrupted() -> None:
    print("bnnplan: interrupted", file=sys.stderr, flush=True)


def _tell_terminated() -> None:
    print("bnnplan: terminated", file=sys.stderr, flush=True)


def _run(terminate: _Terminate) -> None:
    # Where Ctrl-C is ignored (nohup, a job in the background), it stays so.
    heeded = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    if heeded:
        signal.signal(signal.SIGINT, _end_at_once)
        # Once the command is over, its exit code is that of what it did.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate_at_once)
    import typer

    from bnnplan.models.errors import BnnplanError
    from bnnplan.planner.cli.app import app
    from bnnplan.planner.cli.misuse import MisuseError, explain_misuse, is_help
    from bnnplan.planner.report.terminal import one_line

    if heeded:
        signal.signal(signal.SIGINT, _InterruptOnce())
    signal.signal(signal.SIGTERM, terminate)
    debug = "--debug" in sys.argv
    try:
        # With an end of its own, typer would print misuse as a box of several lines.
        code = app(prog_name="bnnplan", standalone_mode=False)
    except MisuseError as error:
        if not is_help(error):
            print(one_line(explain_misuse(error)), file=sys.stderr)
        sys.exit(error.exit_code)
    except BnnplanError as error:
        if debug:
            raise
        print(f"bnnplan: {one_line(error)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort as end:
        # Typer turns EOFError into this.
        if debug:
            raise
        print(f"bnnplan: {one_line(end.__cause__ or 'aborted')}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except (OSError, MemoryError) as error:
        if debug:
            raise
        print(f"bnnplan: {type(error).__name__}: {one_line(error)}", file=sys.stderr)
        sys.exit(1)
    # Typer turns Ctrl-C into this, and says nothing.
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    sys.exit(code)
