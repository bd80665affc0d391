"""Writes to a terminal, a pipe or a file that may be closed at any time."""

from __future__ import annotations

import os
import sys


def say(line: str) -> None:
    """Print at once, also into a pipe or a file. A stack goes on after its reader has ended, as behind `| head`."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()


def forget_output() -> None:
    """The reader has ended: discard all further output."""
    # Source: Python documentation, "Note on SIGPIPE"; else the interpreter complains when it flushes at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
