"""What the alliance and the corporation module share: fetching some entities one by one and writing what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from falcon_scheduler.eve.domain.entity import EntityChange, StoredEntity, difference
from falcon_scheduler.eve.domain.errors import EsiRefused, EsiUnavailable, EsiUnreadable, EsiWaitTooLong
from falcon_scheduler.eve.domain.report import Report
from falcon_scheduler.eve.ports import Answer, EntityStore, Source
from falcon_scheduler.eve.services.concurrency import CANCEL_GRACE, OutageGuard, complete

_OUTAGE_ENTITIES = 20
"""So many requests failing in a row, each with its retries, is an outage."""
LARGEST_LOSS = 0.5
"""When more than this share of what we keep seems to be gone, the answer is doubted and nothing is marked deleted."""


class EntitySync:
    """One run over many entities. `unchanged` is the name under which those that need no write are counted."""

    def __init__(
        self,
        store: EntityStore,
        fetch: Callable[[int], Awaitable[Answer]],
        owned: frozenset[str],
        now: Callable[[], datetime],
        report: Report,
        unchanged: str,
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._owned = owned
        self._now = now
        self._report = report
        self._unchanged = unchanged
        self._outage = OutageGuard(_OUTAGE_ENTITIES)
        self.unknown: list[int] = []
        """Ids that ESI answered 404 to."""

    async def bring_up_to_date(self, ids: Sequence[int], known: Mapping[int, StoredEntity], *, create: bool) -> None:
        """Fetch each id and write all that differ, in one round trip.

        What was fetched is written also when this is cancelled or raises.

        Raises:
            EsiUnavailable: ESI is away for id after id.
        """
        changes: list[EntityChange] = []
        try:
            for one in ids:
                change = await self._compare(one, known.get(one), create=create)
                if change is not None:
                    changes.append(change)
                await self._report.advance()
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._write(changes), CANCEL_GRACE.total_seconds())
            raise
        except EsiUnavailable:
            await self._write(changes)
            raise
        await complete(self._write(changes))

    async def _compare(self, one: int, stored: StoredEntity | None, *, create: bool) -> EntityChange | None:
        try:
            answer = await self._fetch(one)
        except EsiWaitTooLong:
            raise
        except EsiUnavailable as error:
            self._failed(one, error)
            self._outage.failed(error)
            return None
        except (EsiRefused, EsiUnreadable) as error:
            self._outage.succeeded()
            self._failed(one, error)
            if isinstance(error, EsiRefused) and error.status == 404:
                self.unknown.append(one)
            return None
        self._outage.succeeded()
        if answer.source is not Source.FETCHED:
            self._report.count(answer.source.value)
        change = difference(stored, answer.entity, self._owned, create=create)
        if change is None:
            self._report.count(self._unchanged)
        return change

    def _failed(self, one: int, error: Exception) -> None:
        self._report.count("failed")
        self._report.log.warning("%s %d: %s", self._report.subject, one, error)

    async def _write(self, changes: Sequence[EntityChange]) -> None:
        if not changes:
            return
        counts = await self._store.save(changes, self._now())
        if counts.created:
            self._report.count("created", counts.created)
        self._report.count("updated", counts.updated)
        self._report.count("skipped", counts.missed)

    async def mark_gone(self, gone: Sequence[int], kept: int) -> None:
        """Mark entities that ESI no longer has as deleted, unless so many that ESI's answer is probably wrong."""
        if not gone:
            return
        if len(gone) > max(1, kept * LARGEST_LOSS):
            self._report.log.error(
                "%d of %d %s seem to be gone, which is not believed: none is marked deleted",
                len(gone), kept, self._report.subject,
            )  # fmt: skip
            return
        self._report.count("deleted", await self._store.mark_deleted(gone, self._now()))
