"""A function that tasks can call. It is plain Python: nothing of the scheduler is imported."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any


def process_data(batch_size: int, timeout: timedelta = timedelta(minutes=5), context: Any = None) -> dict[str, Any]:
    """Process rows in batches and return a summary.

    The types say what a task may give: `batch_size` must be a whole number, `timeout` is text such as "5m". The
    parameter named `context` is not given by the task: the scheduler passes what is known of this execution.
    """
    started = time.monotonic()
    rows = list(range(10_000))
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    total = 0
    for done, batch in enumerate(batches, start=1):
        if context.cancelled():  # a thread can't be stopped from outside, so it asks
            raise RuntimeError(f"cancelled after {done - 1} of {len(batches)} batches")
        if time.monotonic() - started > timeout.total_seconds():
            raise TimeoutError(f"only {done - 1} of {len(batches)} batches done in {timeout}")
        total += sum(batch)
        context.progress(done, len(batches), f"batch {done}")
    return {"rows": len(rows), "batches": len(batches), "total": total}


def register(registry: Any) -> None:
    """Called when SCHEDULER_PLUGINS names this file; not needed once the package is installed."""
    registry.register_function(process_data, name="processData", module="analytics")
