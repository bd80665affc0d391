"""An executor that tasks can run. It is plain Python: nothing of the scheduler is imported.

An executor is any object with `execute(context)`. `config_schema` is optional: with it, the scheduler checks what a
task gives before the task is stored, and again before each run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass
class Parameters:
    """What a task may give."""

    custom_param: str
    items: int = 20
    seconds_per_item: float = 0.1


class CustomProcessor:
    """Processes items one after the other, and reports its progress."""

    config_schema = Parameters

    async def execute(self, context: Any) -> dict[str, Any]:
        """Do the work of one attempt. Cancelling the execution raises `asyncio.CancelledError` at an `await`."""
        given = context.parameters  # checked, and with the defaults filled in
        context.log.info("Processing %d items with %s", given["items"], given["custom_param"])
        for done in range(1, given["items"] + 1):
            await asyncio.sleep(given["seconds_per_item"])
            await context.progress(done, given["items"], f"item {done}")
        return {
            "success": True,
            "output": f"Processed {given['items']} items with {given['custom_param']!r}",
            "detail": {"items": given["items"], "attempt": context.attempt},
        }


def register(registry: Any) -> None:
    """Called when SCHEDULER_PLUGINS names this file; not needed once the package is installed."""
    registry.register_executor("custom_processor", CustomProcessor())
