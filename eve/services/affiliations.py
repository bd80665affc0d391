"""The character module: requests the affiliation of every stale character in batches and writes the differences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from falcon_scheduler.eve.domain.affiliation import AffiliationChange, Batch, Batcher
from falcon_scheduler.eve.domain.errors import EsiUnavailable, EsiUnreadable, EsiWaitTooLong
from falcon_scheduler.eve.domain.options import AffiliationOptions
from falcon_scheduler.eve.domain.report import Report
from falcon_scheduler.eve.ports import CharacterStore, EsiGateway
from falcon_scheduler.eve.services.bisection import BatchAnswer, Bisection
from falcon_scheduler.eve.services.concurrency import OutageGuard, complete, for_each
from falcon_scheduler.eve.services.modules import AffiliationResult

_PAGE = 1000
"""Characters read at a time, independent of the size of a batch."""
_OUTAGE_BATCHES = 5
"""So many batches failing in a row, each with its retries, is an outage."""


class AffiliationUpdater:
    """A `CharacterModule` over ESI and a `CharacterStore`. Memory does not grow with the number of characters."""

    def __init__(self, characters: CharacterStore, esi: EsiGateway, now: Callable[[], datetime]) -> None:
        self._characters = characters
        self._esi = esi
        self._now = now

    async def update_all_affiliations(self, options: AffiliationOptions, report: Report) -> AffiliationResult:
        """Compare every stale character with ESI and write what differs.

        Raises:
            EsiUnavailable: ESI is away for batch after batch; what was written stays, the rest stays stale.
        """
        for name in ("updated", "unchanged", "skipped", "failed"):
            report.count(name, 0)
        bisection = Bisection(self._esi, lambda refused: self._quarantine(refused, report))
        outage = OutageGuard(_OUTAGE_BATCHES)

        async def update(batch: Batch) -> None:
            answer = BatchAnswer()
            try:
                await bisection.ask([one.stored.character_id for one in batch.characters], answer)
            except EsiWaitTooLong:
                raise
            except (EsiUnavailable, EsiUnreadable) as error:
                report.count("failed", len(batch.characters) - len(answer.refused))
                report.log.warning("A batch of %d characters failed: %s", len(batch.characters), error)
                await report.advance(len(batch.characters))
                if isinstance(error, EsiUnavailable):
                    outage.failed(error)
                return
            outage.succeeded()
            await complete(self._write(batch, answer, report))
            await report.advance(len(batch.characters))

        await for_each(self._batches(options), update, options.parallel_workers)
        return AffiliationResult(**report.counts)

    async def _batches(self, options: AffiliationOptions) -> AsyncIterator[Batch]:
        now = self._now()
        batcher = Batcher(options.batch_size)
        pages = self._characters.stale(now - options.max_age, now - options.quarantine, _PAGE)
        async for page in pages:
            for batch in batcher.add(page):
                yield batch
        for batch in batcher.rest():
            yield batch

    async def _write(self, batch: Batch, answer: BatchAnswer, report: Report) -> None:
        now, found = self._now(), answer.affiliations
        answered = [one for one in batch.characters if one.stored.character_id in found]
        changes = [
            AffiliationChange(one, found[one.stored.character_id])
            for one in answered
            if one.quarantined or one.stored != found[one.stored.character_id]
        ]
        written = await self._characters.apply(changes, now) if changes else 0
        await self._characters.checked(batch.low, batch.high, now)
        report.count("updated", written)
        report.count("unchanged", len(answered) - len(changes))
        missing = len(batch.characters) - len(answered) - len(answer.refused)
        report.count("skipped", missing + len(changes) - written)
        report.count("batches")

    async def _quarantine(self, character_id: int, report: Report) -> None:
        await self._characters.quarantine(character_id, self._now())
        report.log.warning("ESI refuses character id %d; it is left out for a day", character_id)
        report.count("failed")
        report.count("quarantined")
