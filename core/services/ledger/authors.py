"""Who changed, paused or disabled a task, as the audit has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.audit import Action, AuditEntry
from falcon_scheduler.core.domain.occurrence import SWITCHED, Occurrence
from falcon_scheduler.core.ports import AuditFilter, AuditStore, PageRequest

NOTICED_WITHIN = timedelta(minutes=2)
"""A change made in Prefect has its entry when it is noticed, so later than it took effect."""
BEGUN_BEFORE = timedelta(minutes=1)
_HOLDING = {"paused": True, "enabled": False}


class Authors:
    """Reads the audit."""

    def __init__(self, audit: AuditStore) -> None:
        self._audit = audit

    async def entry(self, task_id: str, since: datetime) -> AuditEntry | None:
        """The entry of the change since which a task is held."""
        wanted = AuditFilter(task_id=task_id, since=since - BEGUN_BEFORE, until=since + NOTICED_WITHIN)
        page = await self._audit.list(wanted, PageRequest(size=20))
        holding = [
            each for each in page.items if any(each.after.get(name) is held for name, held in _HOLDING.items())
        ]
        return min(holding, key=lambda each: abs(each.at - since), default=None)

    async def latest(self, task_id: str, until: datetime, actions: Sequence[Action]) -> AuditEntry | None:
        """The latest entry of one of the actions until an instant."""
        page = await self._audit.list(AuditFilter(task_id=task_id, until=until), PageRequest(size=20))
        return next((each for each in page.items if each.action in actions), None)

    async def cancellation(
        self, task_id: str, execution_id: str, until: datetime, within: timedelta
    ) -> AuditEntry | None:
        """The entry of the cancellation, or of the stop, that ended an execution; at most `within` before `until`."""
        wanted = AuditFilter(
            task_id=task_id, actions=frozenset({Action.CANCEL, Action.STOP}), since=until - within, until=until
        )
        page = await self._audit.list(wanted, PageRequest(size=100))
        return next((each for each in page.items if _cancels(each, execution_id)), None)

    async def of(self, task_id: str, since: datetime) -> str:
        """The user's id; empty when the audit has none."""
        entry = await self.entry(task_id, since)
        return entry.user_id if entry else ""

    async def named(self, occurrences: Sequence[Occurrence]) -> Sequence[Occurrence]:
        """The occurrences, with the authors of pauses that are not stored yet."""
        return [
            replace(each, by=await self.of(each.task_id, each.since))
            if each.reason in SWITCHED and not each.by and each.since
            else each
            for each in occurrences
        ]


def _cancels(entry: AuditEntry, execution_id: str) -> bool:
    """Whether a change is about an execution. A stop that is under way does not name its executions yet."""
    if entry.action is Action.CANCEL:
        return bool(entry.after.get("execution_id", execution_id) == execution_id)
    cancelled: Sequence[str] = entry.after.get("cancelled_executions", [execution_id])
    return execution_id in cancelled
