"""Remembers which ranges of character ids were compared with ESI, so that a check that changes nothing writes one
small document per thousand characters instead of a thousand. See docs/decisions/0007.

    {_id: first id, high: last id, checked_at}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.eve.stores.collections import CHARACTER_CHECKS, aware
from falcon_scheduler.eve.stores.windows import LAST_ID

Range = tuple[int, int]
_KEPT_FOR = timedelta(days=1)


class CharacterChecks:
    """The ranges that were checked, and when."""

    def __init__(self, database: Database) -> None:
        self._checks = aware(database, CHARACTER_CHECKS)

    async def unchecked(self, since: datetime, now: datetime) -> list[Range]:
        """The ranges of ids that were not checked since then, ascending."""
        with translated():
            await self._checks.delete_many({"checked_at": {"$lt": now - _KEPT_FOR}})
            kept = await self._checks.find().to_list()
        return _gaps(sorted((one["_id"], one["high"]) for one in kept if one["checked_at"] >= since))

    async def record(self, low: int, high: int, now: datetime) -> None:
        """All from `low` to `high` were checked now; what was known of ranges within is forgotten."""
        with translated():
            await self._checks.delete_many({"_id": {"$gt": low, "$lte": high}, "high": {"$lte": high}})
            await self._checks.update_one({"_id": low}, {"$set": {"high": high, "checked_at": now}}, upsert=True)


def _gaps(ranges: Sequence[Range]) -> list[Range]:
    gaps, free = [], 1
    for low, high in ranges:
        if low > free:
            gaps.append((free, low - 1))
        free = max(free, high + 1)
    return [*gaps, (free, LAST_ID)] if free <= LAST_ID else gaps
