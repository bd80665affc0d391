"""The worker's and its runs' logs as JSON lines with the ids of task and execution.

Prefect makes the formatter when its settings name it (`deployments.stack.prefect_settings.log_settings`); a worker
that is started by hand logs as any Prefect worker does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from falcon_scheduler.adapters.json_lines import JsonLines

_IDS = {
    "flow_run_id": "execution_id",
    "flow_run_name": "run",
    "scheduler_task_id": "task_id",
    "worker_name": "worker",
}
"""What Prefect and `flows.run_task` put on a record, and what we call it."""


class RunLines(JsonLines):
    """Made by Prefect's logging configuration, which hands it a format that means nothing to it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__()

    def ids(self, record: logging.LogRecord) -> Mapping[str, str]:
        """See `JsonLines`."""
        return {ours: str(value) for theirs, ours in _IDS.items() if (value := getattr(record, theirs, None))}
