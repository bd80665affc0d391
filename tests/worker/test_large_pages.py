"""The preloaded process in large pages: what it holds is as before, and forking it copies less."""

from __future__ import annotations

import subprocess
import sys

FILLED = """
from pathlib import Path
from falcon_scheduler.flows.forkserver import large_pages

def large_kilobytes():
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("AnonHugePages"))

kept = [str(number) * 20 for number in range(500_000)]
before = large_kilobytes()
made = large_pages.use()
assert kept == [str(number) * 20 for number in range(500_000)]
print(made, large_kilobytes() - before)
"""


def test_memory_that_is_filled_is_put_into_large_pages_where_the_system_has_them() -> None:
    output = subprocess.run([sys.executable, "-c", FILLED], capture_output=True, check=True, text=True, timeout=60)
    made, kilobytes = (int(word) for word in output.stdout.split())
    assert (made > 0) == (kilobytes > 0)  # a system without them refuses, and nothing changes
