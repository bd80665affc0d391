"""`characters`: where each belongs. Only what differs is written; an affiliation that is gone is removed, not 0."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateOne

from falcon_scheduler.adapters.mongo.client import Database, Document
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.eve.domain.affiliation import Affiliation, AffiliationChange, StaleCharacter, StalePage
from falcon_scheduler.eve.stores.character_checks import CharacterChecks
from falcon_scheduler.eve.stores.collections import CHARACTERS, aware
from falcon_scheduler.eve.stores.windows import windows

_REFUSED = "affiliation_error_at"
_AFFILIATION = ("corporation_id", "alliance_id", "faction_id")
_FIELDS = dict.fromkeys(("character_id", *_AFFILIATION, "updated_at", _REFUSED), 1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class MongoCharacters:
    """A `CharacterStore` over MongoDB."""

    def __init__(self, database: Database) -> None:
        self._characters = aware(database, CHARACTERS)
        self._checks = CharacterChecks(database)

    async def stale(self, before: datetime, quarantined_before: datetime, page_size: int) -> AsyncIterator[StalePage]:
        for bounds in await self._checks.unchecked(before, datetime.now(UTC)):
            pages = windows(self._characters, "character_id", {}, _FIELDS, page_size, bounds)
            async for low, high, documents in pages:
                stale = [
                    _character(document)
                    for document in documents
                    if (document.get("updated_at") or _NEVER) < before
                    and (document.get(_REFUSED) or _NEVER) < quarantined_before
                ]
                yield StalePage(low, high, stale)

    async def apply(self, changes: Sequence[AffiliationChange], now: datetime) -> int:
        with translated():
            result = await self._characters.bulk_write([_update(one, now) for one in changes], ordered=False)
        return result.modified_count

    async def quarantine(self, character_id: int, now: datetime) -> None:
        with translated():
            await self._characters.update_one({"character_id": character_id}, {"$set": {_REFUSED: now}})

    async def checked(self, low: int, high: int, now: datetime) -> None:
        await self._checks.record(low, high, now)


def _character(document: Document) -> StaleCharacter:
    corporation_id, alliance_id, faction_id = (document.get(name) for name in _AFFILIATION)
    return StaleCharacter(
        # The Go service writes 0 for "in none" on update. Source: eve-modules section 4.
        Affiliation(document["character_id"], corporation_id or None, alliance_id or None, faction_id or None),
        key=document["_id"],
        raw=(corporation_id, alliance_id, faction_id),
        quarantined=document.get(_REFUSED) is not None,
    )


def _update(change: AffiliationChange, now: datetime) -> UpdateOne:
    """Guarded by what was read: a change by another program in between has precedence."""
    put: dict[str, Any] = {"updated_at": now}
    remove: dict[str, str] = {}
    guard: dict[str, Any] = {"_id": change.character.key}
    for name, before in zip(_AFFILIATION, change.character.raw, strict=True):
        guard[name] = before
        after = getattr(change.affiliation, name)
        if after is None and before is not None:
            remove[name] = ""
        elif after != before:
            put[name] = after
    if change.character.quarantined:
        remove[_REFUSED] = ""
    return UpdateOne(guard, {"$set": put} | ({"$unset": remove} if remove else {}))
