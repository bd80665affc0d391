"""What is done once for all runs before a fork: nothing of it stays open, and it needs no store to be there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

pytestmark = pytest.mark.slow

PRELOADED = """
import json, os, sys, threading, time
from falcon_scheduler.flows.child import run_process
from falcon_scheduler.flows import runtime

started = []
start = threading.Thread.start
threading.Thread.start = lambda thread: (started.append(thread.name), start(thread))

def opened():
    # The system lists a thread for a moment after it was joined.
    patience = time.monotonic() + 20
    while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < patience:
        time.sleep(0.01)
    return [len(os.listdir(f"/proc/self/{each}")) for each in ("task", "fd")]

run_process.prepare()
prepared = started[:]
before = opened()
runtime.preload()
late = ("anyio._backends._asyncio", "pymongo.asynchronous.auth", "pymongo.saslprep")
print(json.dumps([before, opened(), [name for name in late if name not in sys.modules], prepared]))
"""


def preloaded(environment: Mapping[str, str]) -> list[Any]:
    """Threads and open files before and after the stores are used, what a run would still have to import, and the
    threads that the rehearsed run started."""
    command = [sys.executable, "-c", PRELOADED]
    output = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True, timeout=120)
    found: list[Any] = json.loads(output.stdout.splitlines()[-1])
    return found


def test_a_run_imports_nothing_and_inherits_no_connection(stack: EmbeddedStack) -> None:
    before, after, late, _ = preloaded(stack.environment)
    assert (before[0], after, late) == (1, before, [])


@pytest.mark.parametrize("csrf", ["true", "false"])
def test_the_rehearsed_run_ends_well_whether_or_not_the_server_asks_for_tokens(
    stack: EmbeddedStack, tmp_path: Path, csrf: str
) -> None:
    """A run that fails writes its error to a file, from a thread. One that ends well does neither."""
    own = {"PREFECT_HOME": str(tmp_path), "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": csrf}
    *_, started = preloaded({**stack.environment, **own})
    assert started == []
    assert not list(tmp_path.glob("storage/*"))


def test_stores_that_are_away_do_not_hold_up_a_worker(stack: EmbeddedStack) -> None:
    """If it waited for the stores each time it uses one, `preloaded` would give up first."""
    away = {"MONGODB_URI": "mongodb://user:password@127.0.0.1:9", "REDIS_PORT": "9"}
    before, after, _, _ = preloaded({**stack.environment, **away})
    assert after == before
