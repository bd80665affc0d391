"""The signs of another active refresher: in the profiles, and as the latest run of the task found it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from falcon_scheduler.adapters.mongo.client import MARKS, Database, Document
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.fields import instant_of
from falcon_scheduler.eve.domain.other_refresher import STILL_AT_WORK, TOKEN_LIFETIME, Trace, is_written_by_others
from falcon_scheduler.eve.ports import SeenRefresher
from falcon_scheduler.eve.stores.collections import USER_PROFILES, aware

REFRESHED_AT, REFRESHED_UNTIL = "refreshed_at", "refreshed_until"
"""When this service refreshed the login, and the expiry that it wrote: what marks tokens as its own."""
_FIELDS = dict.fromkeys(
    ("character_id", "token_expiry", "updated_at", "last_login", REFRESHED_AT, REFRESHED_UNTIL), 1
)
_RECORD = "other token refresher"


class MongoOtherRefresher:
    """See `eve.ports.OtherRefresherRecord`."""

    def __init__(self, database: Database) -> None:
        self._marks = database[MARKS]

    async def read(self) -> SeenRefresher | None:
        with translated():
            document = await self._marks.find_one({"_id": _RECORD})
        seen_at = instant_of((document or {}).get("seen_at"))
        if document is None or seen_at is None:
            return None
        return SeenRefresher(character_id=int(document.get("character_id") or 0), seen_at=seen_at)

    async def write(self, character_id: int | None, now: datetime) -> None:
        """Store the character whose tokens showed another refresher, or None. Repeatable."""
        with translated():
            if character_id is None:
                await self._marks.delete_one({"_id": _RECORD})
            else:
                seen = {"_id": _RECORD, "seen_at": now, "character_id": character_id}
                await self._marks.replace_one({"_id": _RECORD}, seen, upsert=True)


async def fresh_traces(profiles: AsyncCollection[Document], now: datetime) -> AsyncIterator[Trace]:
    """Of the valid profiles whose tokens are so fresh that their writer may still be active."""
    fresh = {"valid": True, "token_expiry": {"$gt": now - STILL_AT_WORK + TOKEN_LIFETIME}}
    with translated():
        async for document in profiles.find(fresh, _FIELDS):
            yield _trace(document)


async def number_refreshed_by_others(database: Database, now: datetime) -> int:
    """How many logins have tokens that were written lately, and not by this service."""
    traces = fresh_traces(aware(database, USER_PROFILES), now)
    return len([each async for each in traces if is_written_by_others(each, now)])


def _trace(document: Mapping[str, Any]) -> Trace:
    return Trace(
        character_id=int(document.get("character_id") or 0),
        token_expiry=document["token_expiry"],
        updated_at=instant_of(document.get("updated_at")),
        last_login=instant_of(document.get("last_login")),
        refreshed_at=instant_of(document.get(REFRESHED_AT)),
        refreshed_until=instant_of(document.get(REFRESHED_UNTIL)),
    )
