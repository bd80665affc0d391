"""How far an execution is: in its metadata, and as a progress artifact in the Prefect UI."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

from core.domain.work import WorkLog
from core.errors import Unavailable
from core.ports import ExecutionStore

logger = logging.getLogger(__name__)

SHOWN_EVERY_SECONDS = 1.0


class PrefectProgress:
    """See `core.domain.work.Progress`. Shown at most once a second; telling more often costs nothing."""

    def __init__(self, execution_id: str, executions: ExecutionStore, log: WorkLog) -> None:
        self._execution_id = execution_id
        self._executions = executions
        self._log = log
        self._artifact_id: UUID | None = None
        self._shown_at = float("-inf")

    async def __call__(self, done: int, total: int | None = None, text: str = "") -> None:
        now = time.monotonic()
        if now - self._shown_at < SHOWN_EVERY_SECONDS and done != total:
            return
        self._shown_at = now
        progress: dict[str, Any] = {"done": done} | ({"total": total} if total is not None else {})
        with suppress(Unavailable):
            await self._executions.note(self._execution_id, detail={"progress": progress | {"text": text}})
        if total:
            await self._show(100 * min(done / total, 1), text)

    async def _show(self, percent: float, text: str) -> None:
        """Progress is a courtesy: Prefect being away must not fail the work."""
        try:
            if self._artifact_id is None:
                created: Any = await acreate_progress_artifact(
                    progress=percent, key=f"execution-{self._execution_id}", description=text or None
                )
                self._artifact_id = created
            else:
                await aupdate_progress_artifact(self._artifact_id, progress=percent, description=text or None)
        except Exception as error:  # noqa: BLE001 - see above
            self._log.debug("Progress could not be shown: %s", type(error).__name__)
