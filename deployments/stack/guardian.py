"""Ends a stack whose supervisor died without ending it (SIGKILL, out of memory).

A separate process. Its standard input is a pipe whose other end only the supervisor holds. The kernel closes the pipe
when the supervisor dies in any way. After an orderly stop no process is left, and the guardian exits.
"""

from __future__ import annotations

import signal
import sys
from datetime import timedelta
from pathlib import Path

from falcon_scheduler.deployments.stack.process import end_leftovers


def main() -> None:
    """Wait until the pipe closes, then end all processes that are marked with the home given as the only argument."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the supervisor handles a Ctrl-C or a closed terminal
    sys.stdin.buffer.read()
    end_leftovers(Path(sys.argv[1]), grace=timedelta(seconds=5))


if __name__ == "__main__":
    main()
