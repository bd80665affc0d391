"""What the latest token refresh found out about another refresher, for the alerts of the facade."""

from __future__ import annotations

from datetime import datetime

from adapters.mongo.client import MARKS, Database
from adapters.mongo.errors import translated
from adapters.mongo.fields import instant_of
from core.ports.refresher import SeenRefresher

_RECORD = "other token refresher"


class MongoOtherRefresher:
    """See `core.ports.refresher.OtherRefresherRecord`."""

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
        """Store who was met, or that nobody was. Repeatable."""
        with translated():
            if character_id is None:
                await self._marks.delete_one({"_id": _RECORD})
            else:
                seen = {"_id": _RECORD, "seen_at": now, "character_id": character_id}
                await self._marks.replace_one({"_id": _RECORD}, seen, upsert=True)
