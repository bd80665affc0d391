"""The corporation module: brings every stored corporation up to date. It never adds new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from falcon_scheduler.eve.domain.entity import StoredEntity
from falcon_scheduler.eve.domain.options import CorporationUpdateOptions
from falcon_scheduler.eve.domain.report import Report
from falcon_scheduler.eve.ports import EntityStore, EsiGateway
from falcon_scheduler.eve.services.concurrency import for_each
from falcon_scheduler.eve.services.entities import EntitySync
from falcon_scheduler.eve.services.modules import CorporationUpdateResult

CORPORATION_FIELDS = frozenset(
    {
        "name",
        "ticker",
        "description",
        "url",
        "alliance_id",
        "ceo_id",
        "creator_id",
        "date_founded",
        "faction_id",
        "home_station_id",
        "member_count",
        "shares",
        "tax_rate",
        "war_eligible",
    }
)
"""What ESI decides of a corporation, in either shape of its answer."""


class CorporationUpdater:
    """A `CorporationModule` over ESI and the `corporations` store."""

    def __init__(self, corporations: EntityStore, esi: EsiGateway, now: Callable[[], datetime]) -> None:
        self._corporations = corporations
        self._esi = esi
        self._now = now

    async def update_all_corporations(
        self, options: CorporationUpdateOptions, report: Report
    ) -> CorporationUpdateResult:
        """Bring all up to date, `concurrent_workers` at once, `batch_size` to a database read and write.

        A corporation that ESI does not have (404) counts as failed and is marked deleted at the end.

        Raises:
            EsiUnavailable: ESI is away for one corporation after another.
        """
        for name in ("updated", "unchanged", "skipped", "failed"):
            report.count(name, 0)
        sync = EntitySync(
            self._corporations,
            lambda corporation_id: self._esi.corporation(corporation_id, options.delay_between_requests),
            CORPORATION_FIELDS,
            self._now,
            report,
            unchanged="unchanged",
        )

        async def update_some(some: Sequence[StoredEntity]) -> None:
            await sync.bring_up_to_date([one.id for one in some], {one.id: one for one in some}, create=False)

        await for_each(self._corporations.live(options.batch_size), update_some, options.concurrent_workers)
        await sync.mark_gone(sync.unknown, report.done)
        return CorporationUpdateResult(total=report.done, **report.counts)
