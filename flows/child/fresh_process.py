"""The first and the last things that a freshly forked process does."""

from __future__ import annotations

import os
import random
import signal
import sys

from falcon_scheduler.flows import prefect_internals
from falcon_scheduler.flows.interprocess import process_control

_EVENTS_TIMEOUT_SECONDS = 5


def settle_in() -> None:
    """Become a group of its own that dies with its parent, takes signals as usual and draws its own numbers."""
    os.setsid()
    process_control.die_with_parent()
    process_control.adopt_orphans()
    process_control.be_first_to_go()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _seed()


def _seed() -> None:
    """Let runs draw different random numbers, also from the numpy that a plug-in imported before the fork."""
    random.seed()
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed()


def flush() -> None:
    """Send what waits to be sent, before the process ends without an interpreter's teardown."""
    try:
        prefect_internals.ship_logs_to(None)
        prefect_internals.send_remaining_events(_EVENTS_TIMEOUT_SECONDS)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001, S110 - nobody is left to report it to
        pass
