"""What is done once for all runs before a fork: nothing of it stays open, and it needs no store to be there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

pytestmark = pytest.mark.slow

PRELOADED = """
import json, os, sys
from falcon_scheduler.flows.child import run_process
from falcon_scheduler.flows import runtime
run_process.prepare()
before = [len(os.listdir(f"/proc/self/{each}")) for each in ("task", "fd")]
runtime.preload()
after = [len(os.listdir(f"/proc/self/{each}")) for each in ("task", "fd")]
late = ("anyio._backends._asyncio", "pymongo.asynchronous.auth", "pymongo.saslprep")
print(json.dumps([before, after, [name for name in late if name not in sys.modules]]))
"""


def preloaded(environment: Mapping[str, str]) -> list[object]:
    """Threads and open files before and after, and what a run would still have to import."""
    command = [sys.executable, "-c", PRELOADED]
    output = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True, timeout=60)
    found: list[object] = json.loads(output.stdout.splitlines()[-1])
    return found


def test_a_run_imports_nothing_and_inherits_no_connection(stack: EmbeddedStack) -> None:
    before, after, late = preloaded(stack.environment)
    assert (after, late) == (before, [])


def test_stores_that_are_away_hold_up_a_worker_for_seconds_only(stack: EmbeddedStack) -> None:
    began = time.monotonic()
    away = {"MONGODB_URI": "mongodb://user:password@127.0.0.1:9", "REDIS_PORT": "9"}
    before, after, _ = preloaded({**stack.environment, **away})
    assert after == before
    assert time.monotonic() - began < 30
