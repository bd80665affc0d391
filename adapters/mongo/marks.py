"""The mirror's watermark in MongoDB."""

from __future__ import annotations

from datetime import datetime

from falcon_scheduler.adapters.mongo.client import MARKS, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.fields import instant_of


class MongoWatermark:
    """See `core.ports.Watermark`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[MARKS]

    async def read(self, name: str) -> datetime | None:
        with translated():
            document = await self._collection.find_one({"_id": name})
        return instant_of(document.get("instant")) if document else None

    async def write(self, name: str, instant: datetime) -> None:
        with translated():
            await self._collection.update_one({"_id": name}, {"$max": {"instant": instant}}, upsert=True)
