"""Reports the progress of an execution: in its metadata, and in the engine."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Any

from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.ports import ExecutionStore, OwnRun
from falcon_scheduler.core.services.runs.call_policy import inform

SHOWN_EVERY_SECONDS = 1.0
PATIENCE = timedelta(seconds=2)
"""How long the work waits for a server that gets the progress; it counts against the timeout of the attempt."""
REST_SECONDS = 15.0
"""After a failed report, no further report is sent for so long."""


class ReportedProgress:
    """See `core.domain.work.Progress`. Sends at most one report a second; further calls return at once."""

    def __init__(self, own_run: OwnRun, execution_id: str, executions: ExecutionStore, log: WorkLog) -> None:
        self._own_run = own_run
        self._execution_id = execution_id
        self._executions = executions
        self._log = log
        self._shown_at = float("-inf")
        self._rests_until = float("-inf")

    async def __call__(self, done: int, total: int | None = None, text: str = "") -> None:
        now = time.monotonic()
        if now < self._rests_until or (now - self._shown_at < SHOWN_EVERY_SECONDS and done != total):
            return
        self._shown_at = now
        text = storable_text(text)
        progress: dict[str, Any] = {"done": done} | ({"total": total} if total is not None else {})
        detail = {"progress": progress | {"text": text}}
        note = partial(self._executions.note, self._execution_id, detail=detail)
        is_reported = await inform("note the progress in the history", note, self._log, within=PATIENCE)
        if is_reported and total:
            show = partial(self._own_run.show_progress, 100 * min(done / total, 1), text)
            is_reported = await inform("show the progress in Prefect", show, self._log, within=PATIENCE)
        if not is_reported:
            self._rests_until = time.monotonic() + REST_SECONDS
