"""Removes what is older than it is kept for: the history of executions, the ledger, and the audit."""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.core.services.tasks.auditing import Auditing

_BATCH = 500


class Cleanup:
    """May run in any number of facades."""

    def __init__(
        self,
        *,
        retention: RetentionService,
        audit: Auditing,
        ledger: LedgerStore,
        clock: Clock,
        keep_for: timedelta,
        keep_audit_for: timedelta,
        interval: timedelta,
    ) -> None:
        self._retention = retention
        self._audit = audit
        self._ledger = ledger
        self._clock = clock
        self._keep_for = keep_for
        self._keep_audit_for = keep_audit_for
        self._interval = interval

    def duty(self) -> Duty:
        """The cleanup, as a duty."""
        return Periodic("cleanup", self.clean, self._interval)

    async def clean(self) -> None:
        """Remove it. Raises `Unavailable`; then the rest is removed the next time."""
        await self._audit.clean(self._keep_audit_for)
        await self._retention.clean(self._keep_for)
        before = self._clock.now() - self._keep_for
        while await self._ledger.delete_before(before, _BATCH):
            continue
