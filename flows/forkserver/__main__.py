"""Start of the preloaded process: `python -m falcon_scheduler.flows.forkserver DESCRIPTOR`.

Its worker starts it, with one end of a `SOCK_SEQPACKET` pair.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

from falcon_scheduler.flows.forkserver import large_pages, preload
from falcon_scheduler.flows.forkserver.server import ForkServer
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.message_format import encode
from falcon_scheduler.flows.interprocess.messages import Ready


def main() -> None:
    """Import, freeze, announce readiness, serve."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the worker decides; a terminal's Ctrl-C reaches it too
    control = socket.socket(fileno=int(sys.argv[1]))
    process_control.adopt_orphans()
    load_everything()
    gc.collect()
    gc.freeze()  # keeps the collector of a run from touching, and so copying, every inherited page
    large_pages.use()
    server = ForkServer(control)
    control.send(encode(Ready(os.getpid())))
    server.serve()


def load_everything() -> None:
    """Import what runs need, and do what every run would otherwise do again."""
    preload.load()
    from falcon_scheduler.flows.child import run_process

    run_process.prepare()
    preload.load_for_tasks()


if __name__ == "__main__":
    main()
