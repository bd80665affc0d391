"""The alliance module: everything that ESI lists, created or brought up to date, and what it lists no more marked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from falcon_scheduler.eve.domain.options import AllianceImportOptions
from falcon_scheduler.eve.domain.report import Report
from falcon_scheduler.eve.ports import EntityStore, EsiGateway
from falcon_scheduler.eve.services.concurrency import for_each
from falcon_scheduler.eve.services.entities import EntitySync
from falcon_scheduler.eve.services.modules import AllianceImportResult

ALLIANCE_FIELDS = frozenset(
    {
        "name",
        "ticker",
        "date_founded",
        "creator_corporation_id",
        "creator_character_id",
        "executor_corporation_id",
        "faction_id",
    }
)
"""What ESI decides of an alliance. ESI's `creator_id` is kept as `creator_character_id`."""


class AllianceImporter:
    """An `AllianceModule` over ESI and the `alliances` store."""

    def __init__(self, alliances: EntityStore, esi: EsiGateway, now: Callable[[], datetime]) -> None:
        self._alliances = alliances
        self._esi = esi
        self._now = now

    async def bulk_import_alliances(self, options: AllianceImportOptions, report: Report) -> AllianceImportResult:
        """Import all alliances, `batch_size` to a database write.

        Raises:
            EsiUnavailable, EsiRefused, EsiUnreadable: the list itself could not be had, or ESI went away.
        """
        for name in ("created", "updated", "skipped", "failed"):
            report.count(name, 0)
        ids = sorted(set(await self._esi.alliance_ids()))
        report.total = len(ids)
        sync = EntitySync(
            self._alliances,
            lambda alliance_id: self._esi.alliance(alliance_id, options.delay_between_requests),
            ALLIANCE_FIELDS,
            self._now,
            report,
            unchanged="skipped",
        )

        async def import_some(some: Sequence[int]) -> None:
            await sync.bring_up_to_date(some, await self._alliances.known(some), create=True)

        await for_each(_slices(ids, options.batch_size), import_some, options.parallel_workers)
        await self._mark_unlisted(frozenset(ids), sync)
        counts = {name: number for name, number in report.counts.items() if name != "total"}
        return AllianceImportResult(total=len(ids), processed=report.done, **counts)

    async def _mark_unlisted(self, listed: frozenset[int], sync: EntitySync) -> None:
        kept, gone = 0, []
        async for alliance_id in self._alliances.live_ids():
            kept += 1
            if alliance_id not in listed:
                gone.append(alliance_id)
        await sync.mark_gone(gone, kept)


async def _slices(ids: Sequence[int], size: int) -> AsyncIterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
