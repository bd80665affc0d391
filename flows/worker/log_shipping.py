"""Sends the logs of all runs to Prefect, a few requests a second at most instead of one client per run."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import Any

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.retrying import retried
from falcon_scheduler.flows.prefect_internals import LOG_SIZE_KEY

_INTERVAL_SECONDS = 0.5
_BATCH_LENGTH = 500
_BATCH_BYTES = 3_000_000
"""Below what Prefect's own handler sends at once. Source: PREFECT_LOGGING_TO_API_BATCH_SIZE."""
_PAUSES = [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8)]
_PAUSE_AFTER_LOSS_SECONDS = 16
"""Before the batch after one that was given up: while Prefect is away, it would be lost as well."""
_MOST_WAITING = 50_000

_logger = logging.getLogger("falcon.worker.logs")


class LogShipper:
    """Collects log records and sends them in batches, in order."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._waiting: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self._dropped = 0

    def add(self, log: dict[str, Any]) -> None:
        """Take one record in the form of Prefect's API. Never waits; what exceeds a bound is dropped and counted."""
        if len(self._waiting) >= _MOST_WAITING:
            self._dropped += 1
            return
        log["message"] = storable_text(log["message"])  # else Prefect refuses the whole batch
        self._waiting.append(log)
        self._arrived.set()

    async def run(self) -> None:
        """Send what arrives until cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_INTERVAL_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Send all that waits. Returns when it is sent or given up."""
        self._arrived.clear()
        while batch := self._next_batch():
            await self._send(batch)
        if self._dropped:
            _logger.warning("Dropped %d log records that came faster than Prefect accepts them", self._dropped)
            self._dropped = 0

    def _next_batch(self) -> list[dict[str, Any]]:
        size = 0
        for length, log in enumerate(self._waiting):
            size += log.get(LOG_SIZE_KEY, len(log["message"]))
            if length == _BATCH_LENGTH or (size > _BATCH_BYTES and length):
                break
        else:
            length = len(self._waiting)
        batch, self._waiting = self._waiting[:length], self._waiting[length:]
        for log in batch:
            log.pop(LOG_SIZE_KEY, None)
        return batch

    async def _send(self, batch: list[dict[str, Any]]) -> None:
        try:
            await retried(
                partial(self._client.create_logs, batch), on=(Exception,), pauses=_PAUSES, report=_report_refusal
            )
        except Exception:  # noqa: BLE001 - logs must never end a worker
            await asyncio.sleep(_PAUSE_AFTER_LOSS_SECONDS)
            self._dropped += len(batch)


def _report_refusal(error: Exception) -> None:
    _logger.debug("Prefect did not accept logs: %s", error)
