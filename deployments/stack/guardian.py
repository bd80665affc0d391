"""Ends a stack whose supervisor died without ending it (SIGKILL, out of memory).

A process of its own. Its standard input is a pipe whose other end only the supervisor holds: when the supervisor is
gone, however it went, the pipe closes. After an orderly stop nothing is left to end, and it just leaves.
"""

from __future__ import annotations

import signal
import sys
from datetime import timedelta
from pathlib import Path

from falcon_scheduler.deployments.stack.process import end_leftovers


def main() -> None:
    """Wait for the pipe to close, then end all that carries the home given as the only argument."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C or a closed terminal is the supervisor's to handle
    sys.stdin.buffer.read()
    end_leftovers(Path(sys.argv[1]), grace=timedelta(seconds=5))


if __name__ == "__main__":
    main()
