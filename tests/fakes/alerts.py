"""Alerts in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from falcon_scheduler.core.domain.alert import Alert, AlertKind, AlertState
from falcon_scheduler.core.ports import Page, PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter
from tests.fakes.stores import page_of


class MemoryAlertStore:
    """See `core.ports.alerts.AlertStore`."""

    def __init__(self) -> None:
        self.rows: dict[str, Alert] = {}

    async def open(self, alert: Alert) -> bool:
        if alert.id in self.rows or alert.key in {each.key for each in self._open()}:
            return False
        self.rows[alert.id] = replace(alert, revision=1)
        return True

    async def change(self, alert_id: str, change: Callable[[Alert], Alert]) -> Alert | None:
        present = self.rows.get(alert_id)
        if present is None or (wanted := change(present)) == present:
            return None
        self.rows[alert_id] = replace(wanted, revision=present.revision + 1)
        return self.rows[alert_id]

    async def opened(self, task_ids: Collection[str] | None = None) -> Sequence[Alert]:
        return [each for each in self._open() if task_ids is None or each.subject.task_id in task_ids]

    async def opened_of(self, kinds: Collection[AlertKind]) -> Sequence[Alert]:
        found = [each for each in self._open() if each.kind in kinds]
        return sorted(found, key=lambda each: (each.opened_at, each.id))

    async def due(self, channel: str, now: datetime, limit: int) -> Sequence[Alert]:
        waiting = [
            (each.next_delivery_at, each.id)
            for each in self.rows.values()
            if channel in each.waiting_channels and each.next_delivery_at and each.next_delivery_at <= now
        ]
        return [self.rows[alert_id] for _, alert_id in sorted(waiting)[:limit]]

    async def waiting_channels(self) -> Sequence[str]:
        waiting = (channel for each in self.rows.values() for channel in each.waiting_channels)
        return [*dict.fromkeys(waiting)]

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Page[Alert]:
        found = [
            each
            for each in self.rows.values()
            if wanted.state in (None, each.state)
            and wanted.kind in (None, each.kind)
            and wanted.task_id in (None, each.subject.task_id)
        ]
        found.sort(key=lambda each: each.id)
        return page_of(sorted(found, key=lambda each: each.opened_at, reverse=True), page)

    async def forget(self, recovered_before: datetime) -> int:
        over = [each.id for each in self.rows.values() if each.recovered_at and each.recovered_at < recovered_before]
        for alert_id in over:
            del self.rows[alert_id]
        return len(over)

    def _open(self) -> Sequence[Alert]:
        return [each for each in self.rows.values() if each.state is AlertState.OPEN]
