"""Keeps the audit: no change without an entry.

An entry is written before its change, as intended, and gets its outcome afterwards. A process that dies between the
two leaves the intention, with its author and fields; while MongoDB is away no change is begun.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.audit import (
    Action,
    AuditEntry,
    ChangeOutcome,
    Door,
    Origin,
    cleaned_difference,
    picture_of,
)
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import SchedulerError, TaskNotFound, Unavailable
from falcon_scheduler.core.ports.audit import AuditFilter, AuditStore
from falcon_scheduler.core.ports.clock import Clock
from falcon_scheduler.core.ports.paging import Page, PageRequest

logger = logging.getLogger(__name__)

ENGINE_USER = "prefect"
"""Who changed a task when the change was made in the engine."""
_ENGINE = Principal(user_id=ENGINE_USER, character_id=0)
_BATCH = 1000


class Note:
    """What a change records about itself while it is made."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.before = before
        self.after = after
        self.was_needed = True

    def watching(self, change: Callable[[Task], Task]) -> Callable[[Task], Task]:
        """The same change, which notes the task as it was and as it is."""

        def noted(task: Task) -> Task:
            wanted = change(task)
            self.before, self.after = picture_of(task), picture_of(wanted)
            self.was_needed = wanted is not task
            return wanted

        return noted


class Auditing:
    """Writes and reads the audit. `origin` returns where the present change was made."""

    def __init__(self, *, entries: AuditStore, clock: Clock, origin: Callable[[], Origin] = Origin) -> None:
        self._entries = entries
        self._clock = clock
        self._origin = origin

    @asynccontextmanager
    async def change(
        self,
        action: Action,
        by: Principal,
        task_id: str | None = None,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Note]:
        """Around a change. `before` and `after` are what is known of it in advance.

        Raises:
            Unavailable: the intention could not be written, and nothing is to be changed.
        """
        async with self._entry(self._intention(action, by, task_id, self._origin()), before, after) as note:
            yield note

    @asynccontextmanager
    async def change_in_engine(
        self, action: Action, task_id: str, *, before: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Note]:
        """Around a change that follows one made in the engine.

        No entry is left when the change proves to be ours, or when the task was deleted in between.
        """
        entry = self._intention(action, _ENGINE, task_id, Origin(door=Door.PREFECT))
        try:
            async with self._entry(entry, before, None) as note:
                yield note
        except TaskNotFound:
            await self._entries.withdraw(entry.id)
            raise
        if not note.was_needed:
            await self._entries.withdraw(entry.id)

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditEntry]:
        """Entries, the newest first."""
        return await self._entries.list(wanted, page)

    async def is_under_way(self, action: Action, task_id: str, patience: timedelta) -> bool:
        """Whether somebody began such a change of the task within that time and has not settled it yet."""
        since = self._clock.now() - patience
        wanted = AuditFilter(
            task_id=task_id, actions=frozenset({action}), outcome=ChangeOutcome.INTENDED, since=since
        )
        return bool((await self._entries.list(wanted, PageRequest(size=1))).items)

    async def clean(self, keep_for: timedelta) -> int:
        """Remove entries older than that; returns how many."""
        before, removed = self._clock.now() - keep_for, 0
        while some := await self._entries.delete_before(before, limit=_BATCH):
            removed += some
        return removed

    def _intention(self, action: Action, by: Principal, task_id: str | None, origin: Origin) -> AuditEntry:
        return AuditEntry(
            id=str(uuid.uuid4()),
            at=self._clock.now(),
            user_id=by.user_id,
            character_id=by.character_id,
            action=action,
            task_id=task_id,
            origin=origin,
        )

    @asynccontextmanager
    async def _entry(
        self, entry: AuditEntry, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
    ) -> AsyncIterator[Note]:
        note = Note(before or {}, after or {})
        entry = await _noted(entry, note)
        await self._entries.add(entry)
        try:
            yield note
        except Unavailable as error:
            await self._settle(replace(await _noted(entry, note), outcome=ChangeOutcome.FAILED, error=error.code))
            raise
        except SchedulerError as error:
            await self._settle(replace(entry, outcome=ChangeOutcome.REFUSED, error=error.code))
            raise
        except Exception:
            await self._settle(replace(await _noted(entry, note), outcome=ChangeOutcome.FAILED, error="internal"))
            raise
        await self._settle(replace(await _noted(entry, note), outcome=ChangeOutcome.APPLIED))

    async def _settle(self, entry: AuditEntry) -> None:
        """The change is made whether or not this write succeeds; without it the entry stays `intended`."""
        try:
            await self._entries.settle(replace(entry, ended_at=self._clock.now()))
        except Exception as error:  # noqa: BLE001 - no error here may hide the result of the change from its caller
            reason = "" if isinstance(error, Unavailable) else f": {type(error).__name__}"
            logger.warning("Audit entry %s of a change that was %s stays intended%s", entry.id, entry.outcome, reason)


async def _noted(entry: AuditEntry, note: Note) -> AuditEntry:
    before, after = await aside((note.before, note.after), cleaned_difference, note.before, note.after)
    return replace(entry, before=before, after=after)
