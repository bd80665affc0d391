"""Where the audit's entries live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from falcon_scheduler.core.domain.audit import Action, AuditEntry, ChangeOutcome
from falcon_scheduler.core.ports.paging import Page, PageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; a field that is None does not narrow. `since` (inclusive) and `until` (exclusive) bound `at`."""

    task_id: str | None = None
    user_id: str | None = None
    actions: frozenset[Action] = frozenset()
    """One of them; all when empty."""
    outcome: ChangeOutcome | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditStore(Protocol):
    """Where the audit's entries live."""

    async def add(self, entry: AuditEntry) -> None:
        """Store an entry. Not repeatable."""
        ...

    async def settle(self, entry: AuditEntry) -> None:
        """Store what became of it: outcome, error, the fields before and after, the end."""
        ...

    async def withdraw(self, entry_id: str) -> None:
        """Remove an entry whose change was not needed. Repeatable."""
        ...

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditEntry]:
        """Sorted by `at`, newest first, then by id."""
        ...

    async def delete_before(self, instant: datetime, *, limit: int) -> int:
        """Remove at most `limit` entries older than that; returns how many."""
        ...
